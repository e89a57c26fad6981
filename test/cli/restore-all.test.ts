/** A whole server back in one command. */

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RestoreAllDocument } from '../../src/cli/documents/restore-all.ts';
import { errorCodes } from '../../src/core/errors.ts';
import type { RestoreMark } from '../../src/core/jobs/restore/restore-mark.ts';
import { type CliSite, documentOf, makeDirectory, makeSite } from '../support/cli.ts';
import { compareTrees } from '../support/compare-trees.ts';
import { buildSamplePanel, type SamplePanel } from '../support/sample-panel.ts';

let site: CliSite;
let panel: SamplePanel;
let target: string;

beforeAll(async () => {
  const dir = makeDirectory();
  panel = await buildSamplePanel(join(dir, 'panel'), { accounts: 3, filesPerAccount: 60 });
  site = makeSite({ panel: { use: 'apiscp', root: panel.root } }, dir);
  await site.holdfast('backup', '--quiet');
  target = join(dir, 'all');
});
afterAll(() => site.remove());

describe('restore latest --all', () => {
  it('brings every account back into a directory of its own', async () => {
    const result = await site.holdfast('restore', 'latest', '--all', '--to', target, '--json');
    const { accounts, exitStatus } = documentOf<RestoreAllDocument>('restore-all', result);

    expect(result.status).toBe(0);
    expect(exitStatus).toBe(0);
    expect(accounts).toHaveLength(4);
    expect(readdirSync(target).sort()).toEqual(['_system', 'site1', 'site2', 'site3']);
    for (const name of ['site1', 'site2', 'site3']) {
      const live = join(panel.root, 'home/virtual', name, 'info');
      const { differences } = await compareTrees(live, join(target, name, 'info'), {
        ignoreBelow: ['work', 'index'],
      });
      expect(differences).toEqual([]);
    }
  });

  it('fails only the account whose directory is taken', async () => {
    const other = `${target}-2`;
    await site.holdfast('restore', 'latest', '--all', '--to', other);
    writeFileSync(join(other, 'site2', 'kept'), 'not ours');
    const result = await site.holdfast('restore', 'latest', '--all', '--to', other, '--resume', '--json');

    expect(result.status).toBe(0);
    expect(readdirSync(join(other, 'site2'))).toContain('kept');
    const again = await site.holdfast('restore', 'latest', '--all', '--to', other, '--json');
    expect(again.status).toBe(errorCodes.TARGET_NOT_EMPTY.exit);
    // What to do is said once, of however many.
    expect(again.stderr.match(/^failed: /gm)?.length).toBeGreaterThan(1);
    expect(again.stderr.match(/hint: /g)).toHaveLength(1);
  });

  it('goes on with the snapshots that it was begun with, whatever was backed up since', async () => {
    const other = mkdtempSync(join(site.dir, 'begun-'));
    const all = ['restore', 'latest', '--all', '--to', other];
    expect((await site.holdfast(...all)).status).toBe(0);
    rmSync(join(other, 'site1/info'), { recursive: true });
    await site.holdfast('backup', '--account', 'site1', '--quiet');
    const result = await site.holdfast(...all, '--resume');

    expect(result).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/site1 was begun with \S+, and/),
    });
    expect(result.stderr.match(/was begun with/g)).toHaveLength(1);
    expect(readdirSync(join(other, 'site1'))).toContain('info');

    const begun = /site1 was begun with \S+-([0-9a-f]{12})/.exec(result.stderr)![1]!;
    const manifests = readdirSync(join(site.store, 'manifests'), { recursive: true, withFileTypes: true });
    const gone = manifests.filter(({ name }) => name.includes(begun));
    expect(gone).toHaveLength(1);
    for (const { name, parentPath } of gone) rmSync(join(parentPath, name));
    const after = await site.holdfast(...all, '--resume');

    expect(after.status).toBe(errorCodes.SNAPSHOT_NOT_FOUND.exit);
    expect(after.stderr).toMatch(/failed: \S+\/site1: .*\n {2}hint: /);
  });

  it('goes on with what was begun where the newest cannot be read, or the account has another name by now', async () => {
    const dir = makeDirectory();
    const home = join(dir, 'home');
    for (const name of ['alice', 'bob']) {
      mkdirSync(join(home, name), { recursive: true });
      writeFileSync(join(home, name, 'file'), name);
    }
    const accounts = [{ path: `${home}/*`, trees: { files: { path: '.' } } }];
    const own = makeSite({ panel: { use: 'generic', accounts } }, dir);
    try {
      const to = join(dir, 'all');
      const all = ['restore', 'latest', '--all', '--to', to];
      await own.holdfast('backup', '--quiet');
      expect((await own.holdfast(...all)).status).toBe(0);
      for (const name of ['alice', 'bob']) rmSync(join(to, name, 'files/file'));
      renameSync(join(home, 'alice'), join(home, 'anna'));
      await own.holdfast('backup', '--quiet');
      const manifests = readdirSync(join(own.store, 'manifests'), { recursive: true, withFileTypes: true });
      const files = manifests.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
      const ofBob = Map.groupBy(files.sort(), (path) => dirname(path));
      const bob = JSON.parse(readFileSync(join(to, 'bob/.holdfast-restore.json'), 'utf8')) as RestoreMark;
      for (const [place, paths] of ofBob) if (place.endsWith(bob.owner)) writeFileSync(paths.at(-1)!, 'x');
      const result = await own.holdfast(...all, '--resume');

      expect(result.status).toBe(0);
      expect(readdirSync(to).sort()).toEqual(['alice', 'bob']);
      for (const name of ['alice', 'bob'])
        expect(readFileSync(join(to, name, 'files/file'), 'utf8')).toBe(name);
      expect(result.stderr).toMatch(
        /alice was begun with alice-\S+ and goes on with it; the latest is anna-/,
      );
      expect(result.stderr).toMatch(/bob was begun with bob-\S+ and goes on with it; the latest cannot be/);
    } finally {
      own.remove();
    }
  });

  it.each([
    ['takes no --account', '--account', 'site1'],
    ['takes no --path', '--path', 'shadow'],
    ['takes no --dry-run', '--dry-run'],
    ['exclude each other', '--in-place'],
  ])('is not narrowed down: %s', async (why, ...options) => {
    const result = await site.holdfast('restore', 'latest', '--all', '--to', `${target}-3`, ...options);

    expect(result.status).toBe(errorCodes.USAGE.exit);
    expect(result.stderr).toContain(why);
  });
});
