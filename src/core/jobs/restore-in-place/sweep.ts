/**
 * The first step: what the live tree has besides the snapshot, and what killed runs left.
 *
 * Goes through the directories of the snapshot in its order and lists each live one beside it, so that both
 * are read once. Leftovers of killed runs go always, everything else only where deleting was asked for.
 */

import { type Entry, entryFlags, fileType, typeOf } from '../../archive/entry.ts';
import { directoryType, listDirectory, listedType, plainName } from '../../filesystem/directory.ts';
import { closeFd, errno, errnoName, Stat, zName } from '../../filesystem/native.ts';
import { isAbsent, openToRead } from '../../filesystem/open-to-read.ts';
import { sameTime } from './compare.ts';
import type { LiveTree } from './live-tree.ts';
import { isClosedToOthers, isOurs } from './ownership.ts';
import { type Removal, removeEntry } from './remove.ts';
import { removeStaging } from './staging.ts';
import { isTemporary } from './temporary.ts';
import { tellHidden } from './told-layers.ts';

export interface SweepOptions extends Omit<Removal, 'tree' | 'why'> {
  readonly delete: boolean;
  readonly treeOf: (path: Buffer) => LiveTree;
  /** Hears of a directory in the place of something else that cannot be emptied. */
  readonly blocked: (path: Buffer) => void;
  /** Hears of a directory that had the time of the snapshot before something was taken out of it. */
  readonly timeLost: (path: Buffer) => void;
}

interface Level {
  readonly tree: LiveTree;
  readonly path: Buffer;
  readonly fd: number;
  readonly names: readonly string[];
  readonly hadTime: boolean;
  /** Nobody but us can have put there what it holds. */
  readonly closed: boolean;
  /** What it has besides the snapshot goes. */
  readonly deletes: boolean;
  next: number;
}

/** `entries`: all within the restored paths, in order. */
export async function sweep(entries: AsyncIterable<Entry>, options: SweepOptions): Promise<void> {
  const levels: Level[] = [];
  const leave = (): void => {
    const level = levels.at(-1)!;
    try {
      while (level.next < level.names.length) besides(level, level.names[level.next++]!, options);
    } finally {
      levels.pop();
      closeFd(level.fd);
    }
  };
  try {
    for await (const entry of entries) {
      options.checkStop();
      while (levels.length > 0 && !isBelow(entry.path, levels.at(-1)!.path)) leave();
      const level = levels.at(-1);
      const end = entry.path.lastIndexOf(0x2f);
      const name = entry.path.toString('latin1', end + 1);
      if (level !== undefined) {
        if (end !== level.path.length) continue; // its directory is not there
        if (!mayBeDirectory(pass(level, name, options))) continue;
      }
      if (typeOf(entry) !== fileType.directory) {
        if (level?.deletes ?? options.delete) empty(level, name, entry.path, options);
        continue;
      }
      const whole = (entry.flags & entryFlags.contentsLeftOut) === 0;
      const entered = whole ? enter(entry, entry.path, { name, above: level }, options) : null;
      if (entered !== null) levels.push(entered);
    }
    while (levels.length > 0) leave();
  } finally {
    for (const level of levels) closeFd(level.fd);
  }
}

/** Some file systems do not tell types in listings. */
const mayBeDirectory = (listed: string | null): boolean => listed === directoryType || listed === '0';

const isBelow = (path: Buffer, directory: Buffer): boolean =>
  path.length > directory.length &&
  path[directory.length] === 0x2f &&
  path.subarray(0, directory.length).equals(directory);

/** Up to a name that the snapshot has. @returns its listed type; null where it is not there */
function pass(level: Level, name: string, options: SweepOptions): string | null {
  while (level.next < level.names.length) {
    const listed = level.names[level.next]!;
    const found = plainName(listed);
    if (found > name) return null;
    level.next++;
    if (found === name) return listedType(listed);
    besides(level, listed, options);
  }
  return null;
}

/** What a directory holds that something else takes the place of. */
function empty(above: Level | undefined, name: string, path: Buffer, options: SweepOptions): void {
  const level = enter(null, path, { name, above }, options);
  if (level === null) return;
  let emptied = true;
  try {
    for (const listed of level.names) emptied = besides(level, listed, options) && emptied;
  } finally {
    closeFd(level.fd);
  }
  if (!emptied) options.blocked(path);
}

function enter(
  entry: Entry | null,
  path: Buffer,
  { name, above }: { readonly name: string; readonly above: Level | undefined },
  options: SweepOptions,
): Level | null {
  const tree = above?.tree ?? options.treeOf(path);
  const stat = new Stat();
  const isStray = (): boolean => above?.closed === false && isOurs(stat) && entry !== null && !isOurs(entry);
  const mayEnter = (): boolean => !tree.look.isForeign(stat) && !isStray();
  const parent = above?.fd ?? tree.look.directory(tree.relative(path));
  const fd = openHere(parent, path, above === undefined ? '.' : name, { stat, mayEnter }, options);
  if (fd === null) return null;
  const closed = above === undefined ? tree.look.isClosedAt(tree.relative(path)) : above.closed;
  const deletes = (above?.deletes ?? options.delete) && !options.keeps(path);
  const hadTime = entry !== null && sameTime(entry, stat);
  const names = listed(fd, path, options);
  if (names !== null) {
    return { tree, path, fd, names, hadTime, deletes, closed: closed && isClosedToOthers(stat), next: 0 };
  }
  closeFd(fd);
  return null;
}

/** Null where it cannot be listed, which is told. */
function listed(fd: number, path: Buffer, { refused }: SweepOptions): string[] | null {
  try {
    return listDirectory(fd);
  } catch (error) {
    refused(path, (error as Error).message);
    return null;
  }
}

/** A descriptor of its own; null where there is no such directory now, or it is none of ours. Else that is told. */
function openHere(
  parent: number | null,
  path: Buffer,
  name: string,
  { stat, mayEnter }: { readonly stat: Stat; readonly mayEnter: () => boolean },
  { refused }: SweepOptions,
): number | null {
  if (parent === null) return null;
  const fd = openToRead(parent, zName(Buffer.from(name, 'latin1')), stat, mayEnter);
  if (fd >= 0) return fd;
  if (!isAbsent(fd) && fd !== -errno.EXDEV) refused(path, `cannot be opened: ${errnoName(fd)}`);
  return null;
}

/** Of a leftover directory: it takes as good as nothing. */
const staged = new Stat();

/** @returns false where it stays */
function besides(level: Level, listed: string, options: SweepOptions): boolean {
  const name = Buffer.from(plainName(listed), 'latin1');
  const temporary = isTemporary(plainName(listed));
  const leftover = temporary && listedType(listed) !== directoryType;
  if (!temporary && !level.deletes && !level.tree.layered) return false;
  const path = Buffer.concat([level.path, Buffer.from('/'), name]);
  if (!temporary && !level.deletes) {
    tellHidden(level.tree, level.fd, { name, path }, options);
    return false;
  }
  const keeps = leftover ? () => false : options.keeps;
  const { tree } = level;
  const write = tree.layered ? tree.write.directory(tree.relative(level.path)) : level.fd;
  if (write === null) {
    options.refused(path, 'its directory cannot be reached through the mount');
    return false;
  }
  if (temporary && !leftover && removeStaging(write, zName(name), options.apply)) {
    options.removed(path, staged);
    if (level.hadTime) options.timeLost(level.path);
    return true;
  }
  if ((!leftover && !level.deletes) || keeps(path)) return false;
  const removal: Removal = { ...options, keeps, tree, why: 'extra' };
  const gone = removeEntry(removal, { look: level.fd, write }, zName(name), path);
  if (gone && level.hadTime) options.timeLost(level.path);
  return gone;
}

/** Leftovers of killed runs beside a restored path, in a directory that is not restored itself. */
export function sweepLeftovers(tree: LiveTree, directory: Buffer, options: SweepOptions): void {
  const parent = tree.look.directory(tree.relative(directory));
  const fd = openHere(parent, directory, '.', { stat: new Stat(), mayEnter: () => true }, options);
  if (fd === null) return;
  const names = listed(fd, directory, options) ?? [];
  const level = { tree, path: directory, fd, names, hadTime: false, closed: false, deletes: false, next: 0 };
  for (const name of level.names) if (isTemporary(plainName(name))) besides(level, name, options);
  closeFd(fd);
}
