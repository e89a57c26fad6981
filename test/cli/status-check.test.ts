/** The monitoring plugin, on real stores; old snapshots are made by moving their instants. */

import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StatusCheckDocument } from '../../src/cli/documents/status-check.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
const panel = (): unknown => ({
  use: 'generic',
  accounts: [{ path: join(site.dir, 'home/*'), trees: { one: { path: 'one' }, two: { path: 'two' } } }],
});
const configure = (extra: Readonly<Record<string, unknown>> = {}): void =>
  writeJson(join(site.config, 'config.json'), { panel: panel(), ...extra });
const check = async (): Promise<{ status: number | null; document: StatusCheckDocument; text: string }> => {
  const json = await site.holdfast('status', '--check', '--json');
  const text = await site.holdfast('status', '--check');
  expect(text.status).toBe(json.status);
  return { status: json.status, document: documentOf('status-check', json), text: text.stdout };
};

beforeAll(() => {
  const dir = makeDirectory();
  for (const name of ['one', 'two']) {
    mkdirSync(join(dir, 'home/anna', name), { recursive: true });
    writeFileSync(join(dir, 'home/anna', name, 'file'), name);
  }
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  configure();
});
afterAll(() => site.remove());

describe('status --check', () => {
  it('is unknown where it cannot look', async () => {
    rmSync(join(site.config, 'config.json'));
    const { status, document, text } = await check();
    configure();

    expect(status).toBe(3);
    expect(document).toMatchObject({ status: 'UNKNOWN', overdue: [] });
    expect(text).toMatch(/^HOLDFAST UNKNOWN - CONFIG_INVALID: /);
  });

  it('is at ease with young snapshots, and with accounts that are younger than the limit', async () => {
    const before = await check();
    await site.holdfast('backup');
    const after = await check();

    expect([before.status, after.status]).toEqual([0, 0]);
    expect(before.text).toMatch(/^HOLDFAST OK - 1 accounts, no snapshot yet \| /);
    expect(after.text).toMatch(/^HOLDFAST OK - 1 accounts, .* \| overdue=0;;0 oldest=0\.0h;;30 accounts=1$/m);
  });

  it('is critical when the last good snapshot of everything is too old', async () => {
    makeOld();
    const old = await check();
    renameSync(join(site.dir, 'home/anna/two'), join(site.dir, 'home/anna/away'));
    await site.holdfast('backup');
    const half = await check();
    renameSync(join(site.dir, 'home/anna/away'), join(site.dir, 'home/anna/two'));
    renameSync(join(site.dir, 'home/anna/one'), join(site.dir, 'home/anna/away'));
    await site.holdfast('backup');
    const both = await check();
    renameSync(join(site.dir, 'home/anna/away'), join(site.dir, 'home/anna/one'));

    expect([old.status, half.status, both.status]).toEqual([2, 2, 0]);
    expect(old.text).toMatch(/^HOLDFAST CRITICAL - 1 of 1 accounts without a good snapshot for 30 h \| /);
    expect(old.text).toMatch(/^nightly: anna: last good 48\.\d h ago$/m);
    expect(half.document.overdue[0]).toMatchObject({ account: 'anna', lacking: ['two'] });
  });

  it('warns where something is scheduled and nothing runs it, or backups are switched off', async () => {
    const addin = { name: 'nightly', provider: { use: 's3-tar' }, encryption: 'none' };
    const store = { use: 'local', path: site.store };
    const schedule = [{ level: 'full', cron: '0 3 * * *' }];
    writeJson(join(site.config, 'addins.d/nightly.json'), { ...addin, store, schedule });
    const { status, document } = await check();

    await site.holdfast('scope', 'set', 'backups.enabled', 'false');
    const off = await check();
    await site.holdfast('scope', 'set', 'backups.enabled', 'null');

    expect(status).toBe(1);
    expect(document.warnings).toEqual(['nothing runs the schedules']);
    expect(off.status).toBe(1);
    expect(off.document.warnings).toEqual(['backups are switched off by the scope backups.enabled']);
  });
});

describe('an account that holds a store or the state', () => {
  it('is refused by doctor and by backup, with the reason', async () => {
    writeJson(join(site.config, 'config.json'), {
      panel: { use: 'generic', accounts: [{ path: join(site.dir, '*') }] },
    });
    const doctor = await site.holdfast('doctor');
    const backup = await site.holdfast('backup');
    configure();

    expect(doctor.stdout).toMatch(
      /^error +own directories +config: tree files, .*, holds the state of Holdfast$/m,
    );
    expect(doctor.stdout).toMatch(
      /^error +own directories +store: tree files, .*, lies in the store of nightly$/m,
    );
    expect(backup.stdout).toContain('nothing of store could be captured: tree files, ');
    expect(backup.stdout).toMatch(/^home .*complete/m);
  });
});

/** Instants stand in the names of manifests, which listings go by. */
function makeOld(): void {
  for (const entry of readdirSync(join(site.store, 'manifests'), { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith('.manifest')) continue;
    const utc = new Date(Date.now() - 48 * 3_600_000).toISOString().replace(/[-:]|\.\d+/g, '');
    const name = entry.name.replace(/\d{8}T\d{6}Z/, utc);
    renameSync(join(entry.parentPath, entry.name), join(entry.parentPath, name));
  }
}
