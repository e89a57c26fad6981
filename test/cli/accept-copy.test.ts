/** The main store is gone: its configuration goes on in the copy. */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import type { PinDocument, PruneDocument } from '../../src/cli/documents/prune.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

it('a configuration goes on in the copy of its store, with the history of that', async () => {
  const dir = makeDirectory();
  mkdirSync(join(dir, 'home/anna'), { recursive: true });
  writeFileSync(join(dir, 'home/anna/letter'), 'dear all');
  const site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  const offsite = { use: 'local', path: join(dir, 'offsite') };
  const nightly = {
    name: 'nightly',
    provider: { use: 'chain' },
    encryption: 'none',
    retention: { keepLast: 9 },
  };
  const configure = (parts: object): void =>
    writeJson(join(site.config, 'addins.d/nightly.json'), { ...nightly, ...parts });
  try {
    configure({ store: { use: 'local', path: site.store }, copies: [{ name: 'offsite', store: offsite }] });
    expect((await site.holdfast('backup')).status).toBe(0);
    const held = ['pin', 'all', '--account', 'anna', '--legal-hold', '--reason', 'case 12', '--json'];
    expect(documentOf<PinDocument>('pin', await site.holdfast(...held)).lackingCopies).toEqual([]);
    rmSync(site.store, { recursive: true });
    configure({ store: offsite });
    const refused = await site.holdfast('backup');
    expect(refused.status).toBe(errorCodes.STORE_FOREIGN.exit);
    expect(refused.stderr).toContain('holdfast store init --accept-copy --apply');

    const look = await site.holdfast('store', 'init', '--accept-copy');
    expect(look.stderr).not.toContain('has the id');
    expect(look.stderr).toContain('with --apply it is accepted');
    expect((await site.holdfast('backup')).status, 'nothing was applied').toBe(errorCodes.STORE_FOREIGN.exit);
    const accept = async () => (await site.holdfast('store', 'init', '--accept-copy', '--apply')).stderr;
    expect(await accept()).toMatch(/^note: accepted: /m);
    expect(await accept()).toMatch(/^note: was accepted before: /m);
    const { snapshots } = documentOf<BackupDocument>('backup', await site.holdfast('backup', '--json'));
    expect(snapshots.map(({ level }) => level)).toEqual(['incremental']);
    const pruned = documentOf<PruneDocument>('prune', await site.holdfast('prune', '--json'));
    expect(pruned.snapshots).toHaveLength(2);
    expect(pruned.snapshots[0]?.reasons).toContain('legal hold on all of the account: case 12');
    expect((await site.holdfast('verify')).status).toBe(0);
    rmSync(join(site.config, 'addins.d/nightly.json'));
    writeJson(join(site.config, 'addins.d/daily.json'), { ...nightly, name: 'daily', store: offsite });
    expect((await site.holdfast('prune')).stderr).toMatch(
      /^note: 2 snapshots of "nightly", .* docs\/recovery.md/m,
    );
    rmSync(join(site.config, 'addins.d/daily.json'));

    configure({ store: { use: 'local', path: join(dir, 'elsewhere') } });
    const foreign = await site.holdfast('store', 'init', '--accept-copy', '--apply');
    expect(foreign.status).toBe(errorCodes.STORE_FOREIGN.exit);
    expect(foreign.stderr).toContain('holds no copy of the store');
    expect(foreign.stderr).toContain('("The main store comes back")');

    const secret = join(dir, 'secret');
    writeFileSync(secret, 'hidden', { mode: 0o600 });
    const keys = { accessKeyId: `file:${secret}`, secretAccessKey: `file:${secret}` };
    configure({ store: { use: 's3', bucket: 'offsite', region: 'x', ...keys, putOnly: true } });
    const denied = await site.holdfast('store', 'init', '--accept-copy', '--apply');
    expect(denied.status, denied.stderr).toBe(errorCodes.STORE_DENIED.exit);
    expect(denied.stderr).toContain('credentials that can read');
    rmSync(join(site.config, 'addins.d/nightly.json'));
    const fresh = { use: 'local', path: join(dir, 'elsewhere') };
    writeJson(join(site.config, 'addins.d/new.json'), { ...nightly, name: 'new', store: fresh });
    expect((await site.holdfast('store', 'init', '--accept-copy')).stderr).toMatch(
      /^note: nothing to accept: /m,
    );
  } finally {
    site.remove();
  }
});
