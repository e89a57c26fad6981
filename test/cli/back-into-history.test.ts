/** The newest snapshot cannot be read for one backup and comes back from a copy: the history has no break then. */

import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type CliSite, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
beforeEach(() => {
  const dir = makeDirectory();
  mkdirSync(join(dir, 'home/anna'), { recursive: true });
  writeFileSync(join(dir, 'home/anna/file'), 'content');
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  const path = join(site.config, 'addins.d/nightly.json');
  const addin = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeJson(path, { ...addin, copies: [{ name: 'off', store: { use: 'local', path: join(dir, 'off') } }] });
});
afterEach(() => site.remove());

const manifests = (): string[] => globSync(join(site.store, 'manifests/*/*/*')).sort();

it.each([
  ['gone', 43, (path: string) => rmSync(path)],
  ['damaged', 42, (path: string) => writeFileSync(path, 'garbage')],
])('the newest manifest was %s', async (_, status, damage) => {
  await site.holdfast('backup');
  await site.holdfast('backup');
  const newest = manifests().at(-1)!;
  const bytes = readFileSync(newest);
  damage(newest);
  await site.holdfast('backup');

  const damaged = await site.holdfast('verify');
  const repaired = await site.holdfast('repair', '--apply');
  const verified = await site.holdfast('verify');

  expect(damaged.status, damaged.stdout).toBe(status);
  expect(repaired.status, repaired.stdout + repaired.stderr).toBe(0);
  expect(verified.status, verified.stdout + verified.stderr).toBe(0);
  expect(readFileSync(newest)).toEqual(bytes);
  expect(manifests()).toHaveLength(3);
});
