/** The open directories of a walk, and names as the walk hands them to the kernel. */

import { directoryType } from '../../filesystem/directory.ts';
import type { Stat } from '../../filesystem/native.ts';

export interface Level {
  readonly fd: number;
  readonly names: readonly string[];
  /** Path of the directory relative to the root, ending in `/`; empty for the root. */
  readonly prefix: string;
  next: number;
  /** Names from here on that were handed over, newest first. */
  readonly given: Set<string>;
}

const nameBuffer = Buffer.alloc(512);

/** `name` is latin1, possibly followed by NUL and more. Valid until the next call. */
export function cName(name: string): Buffer {
  const length = nameBuffer.write(name, 0, 'latin1');
  nameBuffer[length] = 0;
  return nameBuffer;
}

/** Number of components of a path that is not empty. */
export function depthOf(path: string): number {
  let depth = 1;
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) depth++;
  return depth;
}

/** True for an inode on another file system, or under another mount, than the root of the tree. */
export function isElsewhere(stat: Stat, root: Stat): boolean {
  return (
    stat.deviceMajor !== root.deviceMajor ||
    stat.deviceMinor !== root.deviceMinor ||
    (stat.mountId !== root.mountId && stat.mountId !== 0n && root.mountId !== 0n)
  );
}

/** The last directory of the highest level that nobody has begun or been given. */
export function waitingDirectory(
  stack: readonly Level[],
): { readonly level: Level; readonly name: string } | null {
  for (const level of stack) {
    for (let i = level.names.length - 1; i >= level.next; i--) {
      const name = level.names[i]!;
      if (name.endsWith(`\0${directoryType}`) && !level.given.has(name)) return { level, name };
    }
  }
  return null;
}
