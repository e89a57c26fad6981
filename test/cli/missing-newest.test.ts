/** The newest snapshot is gone from the store, or unreadable: monitoring says so, and the backup that goes on without it. */

import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import type { StatusDocument } from '../../src/cli/documents/snapshots.ts';
import type { StatusCheckDocument } from '../../src/cli/documents/status-check.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
beforeAll(() => {
  const dir = makeDirectory();
  mkdirSync(join(dir, 'home/anna'), { recursive: true });
  writeFileSync(join(dir, 'home/anna/file'), 'content');
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
});
afterAll(() => site.remove());

const newestManifest = (): string => globSync(join(site.store, 'manifests/*/*/*')).sort().at(-1)!;
const status = async (): Promise<{ status: number | null; kinds: string[]; text: string }> => {
  const json = await site.holdfast('status', '--json');
  const { accounts } = documentOf<StatusDocument>('status', json);
  const { stdout, stderr } = await site.holdfast('status');
  const kinds = accounts.flatMap(({ doubts }) => doubts.map(({ kind }) => kind));
  return { status: json.status, kinds, text: `${stdout}${stderr}` };
};
const warningsOfBackup = async (): Promise<string[]> => {
  const report = documentOf<BackupDocument>('backup', await site.holdfast('backup', '--json'));
  return report.snapshots.flatMap(({ warnings }) =>
    warnings.map(({ code, message }) => `${code}: ${message}`),
  );
};

it.each([
  ['is gone', (path: string) => rmSync(path), ['missing']],
  ['is garbage', (path: string) => writeFileSync(path, 'garbage'), []],
])('the newest manifest %s', async (_, damage, kinds) => {
  await site.holdfast('backup');
  await site.holdfast('backup');
  const before = await status();
  damage(newestManifest());

  const after = await status();
  const check = await site.holdfast('status', '--check', '--json');
  const warnings = await warningsOfBackup();

  expect(before).toMatchObject({ status: 0, kinds: [] });
  expect(after.kinds).toEqual(kinds);
  if (kinds.length > 0) {
    expect(after.status).toBe(100);
    expect(after.text).toMatch(
      /of anna missing: snapshot [0-9a-f]{12}, the newest that this server made, is not in the store/,
    );
    expect(documentOf<StatusCheckDocument>('status-check', check)).toMatchObject({
      status: 'WARNING',
      warnings: [expect.stringMatching(/^1 snapshot damaged, missing or not trusted, /)],
    });
  }
  expect(warnings).toEqual([
    expect.stringMatching(/^last-missing: snapshot \d+, the last .* follows on snapshot \d+; /),
  ]);
  expect(await warningsOfBackup()).toEqual([]);
  expect(readFileSync(newestManifest()).length).toBeGreaterThan(0);
});

it('a copy may lag behind, which is nothing missing', async () => {
  const path = join(site.config, 'addins.d/nightly.json');
  const off = join(site.dir, 'off');
  const addin = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeJson(path, { ...addin, copies: [{ name: 'off', store: { use: 'local', path: off } }] });
  await site.holdfast('backup');
  await site.holdfast('backup');
  rmSync(globSync(join(off, 'manifests/*/*/*')).sort().at(-1)!);

  const { accounts } = documentOf<StatusDocument>(
    'status',
    await site.holdfast('status', '--copy', 'off', '--json'),
  );

  expect(accounts).toMatchObject([{ snapshots: expect.any(Number), doubts: [] }]);
});
