/** What backup, snapshots, status and doctor say of an account that was wiped, or whose disk is not mounted. */

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import type { SnapshotsDocument, StatusDocument } from '../../src/cli/documents/snapshots.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
let home: string;
beforeAll(() => {
  const dir = makeDirectory();
  home = join(dir, 'home/anna');
  mkdirSync(join(home, 'mail'), { recursive: true });
  for (let i = 0; i < 150; i++) writeFileSync(join(home, `mail/${i}`), `letter ${i}`);
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  const store = { use: 'local', path: site.store };
  const nightly = { name: 'nightly', provider: { use: 'chain' }, store, encryption: 'none' };
  writeJson(join(site.config, 'addins.d/nightly.json'), nightly);
});
afterAll(() => site.remove());

it('backup, snapshots and status tell of an account that was wiped', async () => {
  for (let night = 0; night < 4; night++) {
    writeFileSync(join(home, 'log'), `night ${night}`);
    const { status, stderr } = await site.holdfast('backup', '--level', night === 0 ? 'full' : 'incremental');
    expect(status, stderr).toBe(0);
  }
  const before = await site.holdfast('status', '--json');
  expect(before.status).toBe(0);
  expect(documentOf<StatusDocument>('status', before).accounts[0]).toMatchObject({ findings: [] });
  rmSync(join(home, 'mail'), { recursive: true });

  const backup = await site.holdfast('backup', '--level', 'incremental', '--json');
  expect(backup.status).toBe(100);
  const [made] = documentOf<BackupDocument>('backup', backup).snapshots;
  expect(made!.findings.map(({ code }) => code)).toEqual(['shrunk', 'unusual-change']);
  expect(made!.statistics).toMatchObject({ changes: { added: 0, removed: 151 } });
  expect(made!.warningCounts).toMatchObject({ shrunk: 1, 'unusual-change': 1 });

  const { snapshots } = documentOf<SnapshotsDocument>(
    'snapshots',
    await site.holdfast('snapshots', '--json'),
  );
  expect(snapshots.at(-1)).toMatchObject({ statistics: made!.statistics, findings: made!.findings });
  const restored = await site.holdfast(
    ...['restore', 'latest', '--account', 'anna', '--dry-run', '--to', join(site.config, 'none')],
  );
  expect(restored.stderr).toMatch(/warning: (anna-\S+) looks wrong: shrunk: .*\n.*unusual-change: /);
  const whole = snapshots.findLast(({ findings }) => findings?.length === 0);
  expect(restored.stderr).toContain(`hint: the newest complete one that looks right is ${whole!.id}`);
  // From the summary of the last run, from the record of the account, and from the store alone.
  const [records, aside] = [join(site.state, 'lineages'), join(site.state, 'aside')];
  for (const state of ['summarised', 'recorded', 'lost']) {
    if (state === 'summarised') renameSync(records, aside);
    if (state === 'recorded') renameSync(aside, records);
    if (state !== 'summarised') rmSync(join(site.state, 'newest'), { recursive: true, force: true });
    if (state === 'lost') rmSync(records, { recursive: true });
    const status = await site.holdfast('status');
    expect(status.status).toBe(100);
    expect(status.stdout).toMatch(
      /anna looks wrong: shrunk: it has \d+ entries, the 4 before it 153 in the median/,
    );
  }
});

it('backup, status and doctor tell of a directory that no longer carries its UUID', async () => {
  // The state was lost above: it learns the sizes again.
  await site.holdfast('backup');
  rmSync(home, { recursive: true });
  mkdirSync(home);

  const backup = await site.holdfast('backup', '--json');
  expect(backup.status, backup.stderr).toBe(100);
  const [made] = documentOf<BackupDocument>('backup', backup).snapshots;
  expect(made!.findings.map(({ code }) => code)).toEqual(['account-anew', 'shrunk']);
  const [, uuid] = /no longer carries the UUID ([\w-]+):/.exec(made!.findings[0]!.message) ?? [];
  const hint = `setfattr -n trusted.holdfast.account -v ${uuid} ${home}`;
  expect(made!.findings[0]!.message).toContain(hint);
  const check = await site.holdfast('status', '--check');
  expect([check.status, check.stdout]).toEqual([
    1,
    expect.stringContaining('the directory of anna no longer carries its UUID, see holdfast doctor'),
  ]);
  const [status, doctor] = [await site.holdfast('status'), await site.holdfast('doctor')];
  expect(status.status).toBe(100);
  expect(status.stdout).toContain('anna looks wrong: account-anew');
  expect(doctor.stdout).toContain(hint);
});
