/** Names of errnos for which Node has none. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemCode } from '../../src/core/system-code.ts';
import { knownError } from '../../src/core/system-error.ts';
import { type Lab, openLab } from '../support/backup.ts';
import { type MountedFilesystem, mountFilesystem } from '../support/filesystems.ts';

describe('a quota that is reached', () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-quota-'));
  const mebibyte = Buffer.alloc(1024 * 1024, 'x');
  let mounted: MountedFilesystem;
  let limited: string;
  let lab: Lab;

  beforeAll(async () => {
    mounted = mountFilesystem('btrfs', { mebibytes: 128 });
    limited = join(mounted.path, 'limited');
    const btrfs = (...args: readonly string[]) => execFileSync('btrfs', args, { stdio: 'ignore' });
    btrfs('subvolume', 'create', limited);
    btrfs('quota', 'enable', mounted.path);
    btrfs('qgroup', 'limit', '2M', limited);
    lab = await openLab(directory);
  });
  afterAll(async () => {
    await lab.close();
    mounted.unmount();
    rmSync(directory, { recursive: true, force: true });
  });

  it('ends a restore, which says what to do, and does not cost it file after file', async () => {
    const tree = join(directory, 'tree');
    mkdirSync(tree);
    for (let i = 0; i < 4; i++) writeFileSync(join(tree, `${i}`), mebibyte);
    await lab.backUp({ shadow: tree });

    await expect(lab.restore(join(limited, 'target'))).rejects.toMatchObject({
      code: 'TARGET_UNWRITABLE',
      message: expect.stringMatching(/: EDQUOT$/),
      hint: 'Make room (or raise the quota) and go on with --resume.',
    });
  });

  it('has its name, and is no defect of ours', async () => {
    const write = async (): Promise<void> => {
      for (let i = 0; ; i++) await writeFile(join(limited, `${i}`), mebibyte);
    };
    const errors = [
      await write().catch((error: unknown) => error),
      await mkdir(join(limited, 'directory')).catch((error: unknown) => error),
    ];

    expect(errors.map(systemCode)).toEqual(['EDQUOT', 'EDQUOT']);
    expect(errors.map(knownError)).toEqual(
      errors.map(() =>
        expect.objectContaining({ code: 'STATE_UNWRITABLE', message: expect.stringContaining('EDQUOT') }),
      ),
    );
  });
});

it('is what the system says where Node knows it, the number where nobody does, and none of other errors', () => {
  const named = (code: string, errno: number) => systemCode(Object.assign(new Error(code), { code, errno }));

  expect(named('ENOSPC', -28)).toBe('ENOSPC');
  expect(named('UNKNOWN', -116)).toBe('ESTALE');
  expect(named('Unknown system error -117', -117)).toBe('errno 117');
  for (const other of [new TypeError('no such method'), null, 'text'])
    expect(systemCode(other)).toBeUndefined();
});
