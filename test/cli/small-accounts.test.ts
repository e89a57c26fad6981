/** A parked account, of which the log is rotated: nothing that anybody has to be told, or that prune has to stop for. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
let home: string;
beforeAll(() => {
  const dir = makeDirectory();
  home = join(dir, 'home/parked');
  mkdirSync(join(home, 'log'), { recursive: true });
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    ...{ name: 'nightly', provider: { use: 'chain' }, encryption: 'none' },
    store: { use: 'local', path: site.store },
    retention: { keepLast: 4 },
  });
});
afterAll(() => site.remove());

it('a few kilobytes less are no account that was wiped', async () => {
  writeFileSync(join(home, 'index.html'), 'This domain is parked.\n');
  const line = '192.0.2.1 - - "GET / HTTP/1.1" 200 23\n';
  const findings: string[] = [];
  for (let night = 0; night < 5; night++) {
    // Rotated before the last one.
    writeFileSync(join(home, 'log/access'), line.repeat(night === 4 ? 3 : 100 + 10 * night));
    const result = await site.holdfast('backup', '--json');
    const [made] = documentOf<BackupDocument>('backup', result).snapshots;
    findings.push(...made!.findings.map(({ message }) => message));
  }
  const pruned = await site.holdfast('prune');

  expect(findings).toEqual([]);
  expect(pruned.status, pruned.stderr).toBe(0);
});
