import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadConfigured } from '../../src/cli/configuration.ts';
import { refuseOwnTarget } from '../../src/cli/own-target.ts';
import { makeSite } from '../support/cli.ts';

it('nothing is restored into a store or the state, by whatever way', async () => {
  const site = makeSite({ panel: { use: 'generic', accounts: [{ path: '/nonexistent/*' }] } });
  onTestFinished(() => site.remove());
  mkdirSync(site.store);
  const link = join(site.dir, 'link');
  symlinkSync(site.store, link);
  const loaded = await loadConfigured(site.config);

  for (const directory of [
    site.store,
    join(site.store, 'new/dir'),
    join(link, 'new'),
    join(site.state, 'x'),
  ]) {
    await expect(refuseOwnTarget(directory, loaded)).rejects.toMatchObject({ code: 'USAGE' });
  }
  await expect(refuseOwnTarget(join(site.dir, 'target'), loaded)).resolves.toBeUndefined();
});
