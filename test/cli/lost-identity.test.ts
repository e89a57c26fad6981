/** A store whose `holdfast.json` is lost or damaged gets it back from `repair`, where its snapshots prove which store it is. */

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RepairDocument } from '../../src/cli/documents/repair.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
let copy: string;
beforeEach(async () => {
  const dir = makeDirectory();
  mkdirSync(join(dir, 'home/anna'), { recursive: true });
  writeFileSync(join(dir, 'home/anna/file'), 'content');
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  copy = join(dir, 'off');
  const path = join(site.config, 'addins.d/nightly.json');
  const addin = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeJson(path, { ...addin, copies: [{ name: 'off', store: { use: 'local', path: copy } }] });
  expect((await site.holdfast('backup')).status).toBe(0);
});
afterEach(() => site.remove());

const identity = (place: string): string => join(place, 'holdfast.json');
const idIn = (place: string) => {
  const { createdAt: _, ...rest } = JSON.parse(readFileSync(identity(place), 'utf8'));
  return rest;
};

it.each([
  ['lost', errorCodes.STORE_FOREIGN.exit, (path: string) => rmSync(path)],
  ['damaged', errorCodes.OBJECT_DAMAGED.exit, (path: string) => writeFileSync(path, '{"format": 1, ')],
])('%s, in the main store', async (_, status, damage) => {
  const before = idIn(site.store);
  damage(identity(site.store));

  const backup = await site.holdfast('backup');
  const doctor = await site.holdfast('doctor');
  const looked = await site.holdfast('repair', '--json');
  const wasWritten = existsSync(identity(site.store)) && readFileSync(identity(site.store)).length > 20;
  const applied = await site.holdfast('repair', '--apply');

  expect(backup.status).toBe(status);
  expect(backup.stderr).toContain('holdfast repair --apply');
  expect(doctor.stdout).toMatch(/^error +store of nightly .*holdfast\.json/m);
  expect(doctor.stdout).toContain('holdfast repair --apply');
  expect([looked.status, wasWritten]).toEqual([0, false]);
  const { storeFile } = documentOf<RepairDocument>('repair', looked);
  expect(storeFile).toMatchObject({ store: before.store, mended: false });
  expect(applied.status, applied.stderr).toBe(0);
  expect(applied.stdout).toMatch(/^holdfast\.json of the store .*; written again, with the id /m);
  expect(idIn(site.store)).toEqual(before);
  expect((await site.holdfast('backup')).status).toBe(0);
  const whole = documentOf<RepairDocument>('repair', await site.holdfast('repair', '--json'));
  expect(whole).toMatchObject({ storeFile: null, objects: [], exitStatus: 0 });
});

it('lost, in a copy', async () => {
  const before = idIn(copy);
  rmSync(identity(copy));

  const backup = await site.holdfast('backup', '--level', 'full');
  const applied = await site.holdfast('repair', '--copy', 'off', '--apply');

  expect(backup.stdout).toContain('holdfast repair --copy NAME --apply');
  expect(applied.status, applied.stderr).toBe(0);
  expect(idIn(copy)).toEqual(before);
  expect((await site.holdfast('backup')).status).toBe(0);
});

it('is not written where nothing proves which store it is', async () => {
  const away = join(site.dir, 'away');
  renameSync(site.store, away);
  mkdirSync(site.store);
  const empty = await site.holdfast('repair', '--apply');

  // Somebody else's, with a key that counts for nothing here.
  const other = makeSite({ panel: { use: 'generic', accounts: [{ path: join(site.dir, 'home/*') }] } });
  expect((await other.holdfast('backup')).status).toBe(0);
  cpSync(other.store, site.store, { recursive: true });
  other.remove();
  rmSync(identity(site.store));
  const strange = await site.holdfast('repair', '--apply');

  expect([empty.status, strange.status]).toEqual(Array(2).fill(errorCodes.STORE_FOREIGN.exit));
  expect(strange.stderr).toContain('proves that it is the store this server wrote to');
  expect(existsSync(identity(site.store))).toBe(false);
});

it('is not written where another of its own stores is mounted', async () => {
  const path = join(site.config, 'addins.d/nightly.json');
  const second = join(site.dir, 'second');
  const addin = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeJson(join(site.config, 'addins.d/second.json'), {
    ...addin,
    name: 'second',
    copies: [],
    store: { use: 'local', path: second },
  });
  expect((await site.holdfast('backup', '--addin', 'second')).status).toBe(0);
  rmSync(site.store, { recursive: true });
  renameSync(second, site.store);
  rmSync(identity(site.store));

  const { status } = await site.holdfast('repair', '--addin', 'nightly', '--apply');

  expect(status).toBe(errorCodes.STORE_FOREIGN.exit);
  expect(existsSync(identity(site.store))).toBe(false);
});

it('is written by hand, as docs/recovery.md says, where the state is lost as well', async () => {
  const before = idIn(site.store);
  rmSync(identity(site.store));
  rmSync(site.state, { recursive: true });
  const refused = await site.holdfast('backup');
  const section = readFileSync('docs/recovery.md', 'utf8').split(
    '## The store has lost its holdfast.json\n',
  )[1]!;
  const [find, write] = /```\n([^`]+)\n```/.exec(section)![1]!.split('\n');
  const sh = (command: string): string =>
    execFileSync('sh', ['-c', command], { cwd: site.store, encoding: 'utf8' });
  const { store } = JSON.parse(sh(find!)) as { store: string };
  sh(write!.replace('ID', store));

  expect(refused.status).toBe(errorCodes.STORE_FOREIGN.exit);
  expect(idIn(site.store)).toEqual(before);
  const { status, stderr } = await site.holdfast('backup');
  expect([status, stderr]).toEqual([100, expect.stringContaining('state-anew')]);
});
