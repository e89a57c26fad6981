/** The full of each month, of an account that is mostly pictures, is none of an attacker. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
let home: string;
beforeAll(() => {
  const dir = makeDirectory();
  home = join(dir, 'home/anna');
  mkdirSync(home, { recursive: true });
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  const store = { use: 'local', path: site.store };
  const nightly = { name: 'nightly', provider: { use: 'chain' }, store, encryption: 'none' };
  writeJson(join(site.config, 'addins.d/nightly.json'), nightly);
});
afterAll(() => site.remove());

it('a full of pictures that never compressed is no collapse, whatever the little of the nights between does', async () => {
  for (let i = 0; i < 8; i++) writeFileSync(join(home, `picture${i}.jpg`), randomBytes(500_000));
  for (let night = 0; night < 5; night++) {
    writeFileSync(join(home, 'access.log'), `night ${night}: GET / 200\n`.repeat(200));
    const result = await site.holdfast(
      'backup',
      '--level',
      night % 4 === 0 ? 'full' : 'incremental',
      '--json',
    );
    const [made] = documentOf<BackupDocument>('backup', result).snapshots;
    expect(made!.findings).toEqual([]);
    expect(result.status, result.stderr).toBe(0);
  }
});
