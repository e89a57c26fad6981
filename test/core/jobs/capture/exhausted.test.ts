/** What says something of this machine and not of a file: no descriptor left, and a lease that somebody has. */

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ahead, openLab } from '../../../support/backup.ts';
import { holdLeases } from '../../../support/lease.ts';

/** One thread, so that all levels of the walk are its own. Prints what came of the backup. */
const backup = `
  import { openLab } from ${JSON.stringify(new URL('../../../support/backup.ts', import.meta.url).href)};
  const lab = await openLab(process.argv[2], { threads: 1 });
  const { outcomes } = await lab.run({ shadow: process.argv[2] + '/tree' });
  await lab.close();
  console.log(outcomes[0].error?.code, outcomes[0].error?.message);
`;
const execute = promisify(execFile);
const descriptors = 200;
let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-exhausted-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('a machine without descriptors', () => {
  it('fails the account, which is to be run again, and leaves out no file in silence', async () => {
    // Each level of the walk holds one.
    mkdirSync(join(directory, 'tree', ...Array<string>(descriptors).fill('d')), { recursive: true });
    writeFileSync(join(directory, 'tree', 'file'), 'content');
    writeFileSync(join(directory, 'backup.mjs'), backup);
    const { stdout } = await execute('prlimit', [
      `--nofile=${descriptors}:${descriptors}`,
      process.execPath,
      join(directory, 'backup.mjs'),
      directory,
    ]);

    expect(stdout).toBe('RUN_FAILED this machine is out of descriptors: EMFILE\n');
    expect(existsSync(join(directory, 'store/manifests'))).toBe(false);
  });
});

describe('a file on which somebody has a lease', () => {
  it('is read once the lease has been given up', async () => {
    const place = join(directory, 'leased');
    mkdirSync(join(place, 'tree'), { recursive: true });
    const file = join(place, 'tree', 'file');
    writeFileSync(file, 'content');
    const holder = await holdLeases(0.02, file);
    const lab = await openLab(place);
    const { snapshot, exitStatus } = await lab.backUp({ shadow: join(place, 'tree') });
    await lab.close();

    expect(snapshot.body.warnings).toEqual([]);
    expect(snapshot.body.counts.files).toBe(1);
    expect(exitStatus).toBe(0);
    if (holder.exitCode === null) await once(holder, 'exit');
  });

  it('stays in the chain as it was, where the lease is not given up', async () => {
    const place = mkdtempSync(join(directory, 'kept-'));
    mkdirSync(join(place, 'tree'));
    const file = join(place, 'tree', 'file');
    writeFileSync(file, 'content');
    const lab = await openLab(place, { chain: {}, now: ahead });
    await lab.backUp({ shadow: join(place, 'tree') });
    const holder = await holdLeases(60, file);
    const { snapshot } = await lab.backUp({ shadow: join(place, 'tree') }, { checksum: true });
    holder.kill('SIGKILL');
    await lab.close();

    expect(snapshot.body.warnings).toMatchObject([
      { code: 'unreadable', path: 'file', message: expect.stringMatching(/^cannot be read again: E/) },
    ]);
    expect(snapshot.body.counts.files).toBe(1);
  });
});
