/** Mounts of FUSE servers in a tree: whose server does not answer, whoever opens the directory waits for ever. */

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Lab, openLab } from '../../support/backup.ts';
import { accountAt, restoreTreeInPlace } from '../../support/in-place.ts';

let directory: string;
let tree: string;
let lab: Lab;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-mount-'));
  tree = join(directory, 'live');
  mkdirSync(join(tree, 'sub/below'), { recursive: true });
  for (const name of ['sub/below/file', 'file']) writeFileSync(join(tree, name), 'x');
  lab = await openLab(directory);
});
afterEach(async () => {
  await lab.close();
  rmSync(directory, { recursive: true, force: true });
});

/** @returns what its server said, after it was unmounted */
async function whileMounted(point: string, option: string[], action: () => Promise<void>): Promise<string> {
  const script = join(import.meta.dirname, '../../support/fuse_mount.py');
  const server = spawn('python3', ['-B', script, point, ...option], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  const ended = new Promise((resolve) => server.once('close', resolve));
  await new Promise((resolve) => {
    server.once('close', resolve);
    server.stdout.on('data', (data: Buffer) => {
      said += data;
      resolve(null);
    });
  });
  try {
    await action();
  } finally {
    execFileSync('umount', [point]);
    await ended;
  }
  return said;
}

it('opens nothing that is mounted in a tree, in a backup and in a restore in place', async () => {
  const { snapshot } = await lab.backUp({ shadow: tree });
  const said = await whileMounted(join(tree, 'sub'), ['allow_other'], async () => {
    const { body } = (await lab.backUp({ shadow: tree })).snapshot;
    for (const deleting of [false, true]) {
      const { failures } = await restoreTreeInPlace(lab, directory, accountAt(tree), {
        delete: deleting,
        snapshot,
      });

      expect(failures.map(({ path }) => path)).toEqual(['shadow/sub']);
    }
    expect(body.warnings.map(({ code }) => code)).toEqual(['other-file-system']);
  });

  expect(said).toBe('mounted\n');
  expect(existsSync(join(tree, 'sub/below/file'))).toBe(true);
});

it('says that it cannot look into a directory that even root may not enter', async () => {
  await lab.backUp({ shadow: tree });
  await whileMounted(join(tree, 'sub'), [], async () => {
    const { failures } = await restoreTreeInPlace(lab, directory, accountAt(tree), { delete: true });

    expect(failures[0]).toEqual({ path: 'shadow/sub', message: 'cannot be opened: EACCES' });
    expect(failures.map(({ path }) => path)).not.toContain('shadow/file');
  });
});
