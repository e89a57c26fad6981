/** A target that takes `README` and `readme` for one name: nothing of one entry goes into another. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { errorCodes } from '../../../../src/core/errors.ts';
import { type Lab, openLab } from '../../../support/backup.ts';
import { cannedEngine, cannedSelector } from '../../../support/canned-engine.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-alike-'));
const [tree, point] = [join(directory, 'tree'), join(directory, 'point')];
const files = ['Dir/one', 'dir/two', 'README', 'readme', 'Same', 'same', 'plain/one'];
let lab: Lab;

beforeAll(async () => {
  for (const path of ['Dir', 'dir', 'plain']) mkdirSync(join(tree, path), { recursive: true });
  for (const path of files) {
    writeFileSync(join(tree, path), path.padEnd(20));
    utimesSync(join(tree, path), 1e9, 1e9);
  }
  for (const path of [point, join(directory, 'back')]) mkdirSync(path);
  const server = spawn(
    'python3',
    ['-B', join(import.meta.dirname, '../../../support/folding_mount.py'), join(directory, 'back'), point],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(server.stdout, 'data');
  lab = await openLab(directory);
  const engines = [cannedEngine({ canned_Shop: 'one', canned_shop: 'two' })];
  await lab.backUp({ files: tree }, { engines, databases: [cannedSelector] });
});
afterAll(async () => {
  execFileSync('umount', ['--lazy', point]);
  await lab.close();
  rmSync(directory, { recursive: true, force: true });
});

it('one of two such entries fails and is named, also by resume; the other one stays as it is', async () => {
  const target = mkdtempSync(join(point, 'target-'));
  const first = await lab.restore(target);
  const again = await lab.restore(target, { resume: true });
  const found = readdirSync(join(target, 'files'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    files.includes(path),
  );
  const exports = readdirSync(join(target, 'databases/canned')).filter((name) => !name.includes('grants'));

  for (const { exitStatus, failures, warningCounts } of [first, again]) {
    expect(exitStatus).toBe(errorCodes.RESTORE_INCOMPLETE.exit);
    expect(failures.map(({ path }) => path.toLowerCase()).sort()).toEqual([
      'databases/canned/canned_shop.grants.sql',
      'databases/canned/canned_shop.sql',
      'files/dir',
      expect.stringMatching(/^files\/dir\/(one|two)$/),
      'files/readme',
      'files/same',
    ]);
    expect(warningCounts['names-alike']).toBe(1);
  }
  expect(again.failures).toEqual(first.failures);
  expect(found).toHaveLength(4);
  for (const path of found) expect(readFileSync(join(target, 'files', path), 'utf8').trim()).toBe(path);
  expect(exports).toHaveLength(1);
  expect(readdirSync(target).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});
