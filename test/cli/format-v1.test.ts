/** Stores that an earlier build wrote stay readable, for the command line and for `rescue.py`. */

import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runRescue } from '../support/backup.ts';
import { type CliSite, makeDirectory, makeSite, writeJson } from '../support/cli.ts';
import { compareTrees } from '../support/compare-trees.ts';
import { runPython } from '../support/run-python.ts';

const fixture = join(import.meta.dirname, '../fixtures/format-v1');
const archive = join(import.meta.dirname, '../../src/core/archive');
const { server, signer } = JSON.parse(readFileSync(join(fixture, 'origin.json'), 'utf8')) as Record<
  'server' | 'signer',
  string
>;
let dir: string;
let site: CliSite;
let identity: string;

beforeAll(async () => {
  dir = makeDirectory();
  for (const step of ['1', '2']) await runPython('format_tree.py', [join(dir, `tree-${step}`), step]);
  const panel = { use: 'generic', accounts: [{ path: '/nonexistent/*' }] };
  site = makeSite({ panel, trustedSigners: [`${server}:${signer}`] }, dir);
  rmSync(join(site.config, 'addins.d/nightly.json'));
  // A checkout does not keep it from others.
  identity = join(dir, 'identity');
  writeFileSync(identity, readFileSync(join(fixture, 'identity')), { mode: 0o600 });
});
afterAll(() => site.remove());

/** Of what was restored there: differences from the tree as it was, and whether its database is whole. */
async function lookAt(target: string, step: string): Promise<unknown> {
  const { differences, entries } = await compareTrees(join(dir, `tree-${step}`), join(target, 'files'));
  const dump = join(target, 'databases/mariadb/anna_shop.sql');
  return {
    differences,
    entries,
    order: existsSync(dump) && /the only order/.test(readFileSync(dump, 'utf8')),
  };
}

describe.each(['plain', 'encrypted'])('a store of format 1, %s', (name) => {
  const keys = (): string[] => (name === 'plain' ? [] : ['--identity', identity]);
  const whole = { differences: [], entries: 12, order: true };

  beforeAll(() => {
    const path = join(dir, name);
    cpSync(join(fixture, name), path, { recursive: true });
    for (const page of ['rescue.py', 'RESTORE.md']) copyFileSync(join(archive, page), join(path, page));
    writeJson(join(site.config, `addins.d/${name}.json`), {
      name,
      provider: { use: 'chain' },
      store: { use: 'local', path },
      encryption: 'none',
    });
  });

  it('is verified to the last byte', async () => {
    const args = ['--addin', name, '--read-data', ...keys()];
    const { status, stdout, stderr } = await site.holdfast('verify', ...args);

    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^2 snapshots/m);
  });

  it.each([
    ['full', '1'],
    ['incremental', '2'],
  ])('gives back its %s', async (level, step) => {
    const manifests = join(dir, name, 'manifests', server);
    const [owner] = readdirSync(manifests);
    const manifest = readdirSync(join(manifests, owner!)).find((one) => one.includes(`-${level}-`))!;
    const id = /([0-9a-f]{12})\.manifest$/.exec(manifest)![1]!;
    const targets = [join(dir, `${name}-${level}`), join(dir, `${name}-${level}-rescued`)] as const;
    const restore = ['restore', id, '--addin', name, ...keys()];
    const ours = await site.holdfast(...restore, '--to', targets[0]);
    const rescued = await runRescue(join(dir, name), ['restore', id, '--to', targets[1], ...keys()]);

    expect([ours.status, ours.stderr]).toEqual([0, '']);
    expect([rescued.status, rescued.problems]).toEqual([0, []]);
    expect(await lookAt(targets[0], step)).toEqual(whole);
    expect(await lookAt(targets[1], step)).toEqual(whole);
  });
});
