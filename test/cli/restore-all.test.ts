/** A whole server back in one command. */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RestoreAllDocument } from '../../src/cli/documents/restore-all.ts';
import { errorCodes } from '../../src/core/errors.ts';
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
