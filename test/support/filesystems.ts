/**
 * File systems of a given kind for the length of a test file: tmpfs, or ext4, XFS and btrfs on loop devices.
 *
 * Images are sparse and unlinked as soon as they are mounted, so a killed run leaves a mount behind but no
 * file; the next run finds such mounts by their name and removes them.
 */

import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type FilesystemKind = 'btrfs' | 'ext4' | 'xfs' | 'tmpfs';

export interface MountedFilesystem {
  readonly kind: FilesystemKind;
  /** An empty directory on the file system; the mount point itself may hold `lost+found`. */
  readonly path: string;
  /** Safe to repeat. Call it in `afterAll`. */
  unmount(): void;
}

export interface MountOptions {
  /** Size of the file system in MiB; 2,048 where nothing is said. Space is taken only as it is used. */
  readonly mebibytes?: number;
  /** More options of the `mkfs` of its kind. */
  readonly mkfs?: readonly string[];
}

const prefix = 'holdfast-mount-';

/** Mounts an empty file system. Needs root. */
export function mountFilesystem(kind: FilesystemKind, options: MountOptions = {}): MountedFilesystem {
  removeStrays();
  const mebibytes = options.mebibytes ?? 2048;
  const point = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
  if (kind === 'tmpfs') execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', point]);
  else mountImage(kind, { mebibytes, mkfs: options.mkfs ?? [] }, point);
  const path = join(point, 'fs');
  mkdirSync(path);
  return { kind, path, unmount: () => remove(point) };
}

function mountImage(
  kind: Exclude<FilesystemKind, 'tmpfs'>,
  { mebibytes, mkfs }: Required<MountOptions>,
  point: string,
): void {
  const image = `${point}.img`;
  writeFileSync(image, '');
  truncateSync(image, mebibytes * 2 ** 20);
  try {
    // 4 KiB blocks: with less, ext4 takes neither long symlink targets nor large files.
    if (kind === 'ext4') execFileSync('mkfs.ext4', ['-q', '-F', '-b', '4096', ...mkfs, image]);
    else execFileSync(`mkfs.${kind}`, ['-q', '-f', ...mkfs, image]);
    execFileSync('mount', ['-o', 'loop', image, point]);
  } finally {
    rmSync(image, { force: true });
  }
}

/** Removes what runs that were killed have left behind; those of living processes stay. */
function removeStrays(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = new RegExp(`^${prefix}(\\d+)-[^.]*$`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) remove(join(tmpdir(), name));
  }
}

function remove(point: string): void {
  // Lazily: a process that still looks at it must not make a test's cleaning up fail.
  if (readFileSync('/proc/self/mounts', 'utf8').includes(` ${point} `))
    execFileSync('umount', ['--lazy', point]);
  try {
    rmdirSync(point);
  } catch {
    // Gone already, or a second unmount.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
