/**
 * An ext4 whose files can be made unreadable behind its back, as a failing disk does: what told where their content
 * lies is overwritten, and nothing else about them changes.
 */

import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface BreakingDisk extends Disposable {
  /** An empty directory on it. */
  readonly path: string;
  /** From here on reading these ends after 48 KiB, and nothing can be written. Paths are relative to `path`. */
  breakFiles(...files: readonly string[]): void;
}

const blockBytes = 4096;
const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

/** Needs root. */
export function openBreakingDisk(): BreakingDisk {
  // A killed run's is removed like those of other file systems, by this name.
  const point = mkdtempSync(join(tmpdir(), `holdfast-mount-${process.pid}-`));
  const images = { sound: `${point}.img`, broken: `${point}.broken.img` };
  const path = join(point, 'fs');
  closeSync(openSync(images.sound, 'w'));
  truncateSync(images.sound, 32 * 2 ** 20);
  // Without extents the first twelve blocks are named in the inode, the others in a block of their own.
  const features = '^extent,^64bit,^metadata_csum,^has_journal';
  run('mkfs.ext4', '-q', '-F', '-b', `${blockBytes}`, '-O', features, images.sound);
  run('mount', '-o', 'loop', images.sound, point);
  mkdirSync(path);
  return {
    path,
    breakFiles(...files) {
      run('sync', '-f', point);
      run('umount', point);
      // Another process may have the mount in a namespace of its own, and what the kernel has read of it: a copy is another disk.
      run('cp', '--sparse=always', images.sound, images.broken);
      const fd = openSync(images.broken, 'r+');
      for (const file of files) {
        const [, block] = /\(IND\):(\d+)/.exec(run('debugfs', '-R', `stat /fs/${file}`, images.broken)) ?? [];
        if (block === undefined) throw new Error(`${file} has fewer than 13 blocks`);
        writeSync(fd, Buffer.alloc(blockBytes, 0x7f), 0, blockBytes, Number(block) * blockBytes);
      }
      closeSync(fd);
      run('mount', '-o', 'loop,ro,errors=continue', images.broken, point);
    },
    [Symbol.dispose]() {
      run('umount', '--lazy', point);
      rmSync(point, { recursive: true, force: true });
      for (const image of Object.values(images)) rmSync(image, { force: true });
    },
  };
}
