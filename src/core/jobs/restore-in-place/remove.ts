/**
 * Takes an entry away, with all below it, through descriptors and on one file system only.
 *
 * What must stay (excluded from backups, mounted, immutable, of a lower layer) stays, and so do the
 * directories above it.
 */

import { fileType, typeOf } from '../../archive/entry.ts';
import { listDirectory, plainName } from '../../filesystem/directory.ts';
import { isUnchangeable } from '../../filesystem/inode-flags.ts';
import {
  AT_REMOVEDIR,
  closeFd,
  errno,
  errnoName,
  O,
  openAt,
  Stat,
  statAt,
  statFd,
  unlinkAt,
  zName,
} from '../../filesystem/native.ts';
import { openToRead } from '../../filesystem/open-to-read.ts';
import { isAboveLower, isWhiteoutStat } from './layer.ts';
import type { LiveTree, Side } from './live-tree.ts';
import { immutable, mountInTheWay } from './obstacles.ts';

/** Deeper directories are left; each level holds a descriptor or two. */
const depthLimit = 2000;

export interface Removal {
  readonly tree: LiveTree;
  /**
   * `extra`: what the upper layer has besides the snapshot. `in-the-way`: whatever the mount shows, since
   * what takes its place hides it.
   */
  readonly why: 'extra' | 'in-the-way';
  /** False: only say what would go. */
  readonly apply: boolean;
  /** Never removed, nor looked into. By its path with the tree. */
  readonly keeps: (path: Buffer) => boolean;
  readonly removed: (path: Buffer, stat: Stat) => void;
  readonly refused: (path: Buffer, message: string) => void;
  readonly keptLayer: (path: Buffer) => void;
  readonly checkStop: () => void;
}

/** Descriptors of one directory on both sides; the same one where there is no layer. */
export interface Sides {
  readonly look: number;
  readonly write: number;
}

interface Level extends Sides {
  readonly names: readonly string[];
  readonly name: Buffer;
  readonly path: Buffer;
  readonly stat: Stat;
  next: number;
  stays: boolean;
}

type Found = Pick<Level, 'name' | 'path' | 'stat'>;

/** @returns true where it is gone, or would be */
export function removeEntry(removal: Removal, parent: Sides, name: Buffer, path: Buffer): boolean {
  const levels: Level[] = [];
  const above = new Stat();
  if (statFd(parent.write, above) === 0 && isUnchangeable(above)) {
    return refuse(removal, path, immutable('its directory').message);
  }
  try {
    let gone = visit(removal, parent, name, path, levels);
    while (levels.length > 0) {
      const level = levels.at(-1)!;
      if (level.next < level.names.length) {
        const child = Buffer.from(plainName(level.names[level.next++]!), 'latin1');
        gone = visit(removal, level, zName(child), Buffer.concat([level.path, slash, child]), levels);
      } else {
        levels.pop();
        closeLevel(level, removal);
        gone = leave(removal, levels.at(-1) ?? parent, level);
      }
      // Null: a directory was entered, and its end tells.
      const holder = levels.at(-1);
      if (gone === false && holder !== undefined) holder.stays = true;
    }
    return gone !== false;
  } finally {
    for (const level of levels) closeLevel(level, removal);
  }
}

const slash = Buffer.from('/');

function closeLevel(level: Level, { tree }: Removal): void {
  closeFd(level.look);
  if (tree.layered) closeFd(level.write);
}

/** True: gone. False: stays. Null: a directory that was entered, and is on the stack. */
function visit(removal: Removal, parent: Sides, name: Buffer, path: Buffer, levels: Level[]): boolean | null {
  const { tree, why } = removal;
  removal.checkStop();
  if (removal.keeps(path)) return false;
  const [side, fd] = why === 'extra' ? [tree.look, parent.look] : [tree.write, parent.write];
  const stat = new Stat();
  const rc = statAt(fd, name, stat);
  if (rc === -errno.ENOENT) return true;
  if (rc < 0) return refuse(removal, path, `cannot be looked at: ${errnoName(rc)}`);
  if (side.isForeign(stat)) return refuse(removal, path, mountInTheWay().message);
  if (isUnchangeable(stat)) return refuse(removal, path, immutable('it').message);
  if (typeOf(stat) === fileType.directory) return enter(removal, parent, { name, path, stat }, levels);
  if (tree.layered && why === 'extra') {
    if (isOfLowerLayer(removal, fd, { name, path, stat })) {
      removal.keptLayer(path);
      return false;
    }
    if (isWhiteoutStat(stat)) return true; // it hides nothing, and goes with its directory
  }
  return unlink(removal, parent, { name, path, stat }, 0);
}

function enter(
  removal: Removal,
  parent: Sides,
  { name, path, stat }: Found,
  levels: Level[],
): boolean | null {
  const { tree, why } = removal;
  if (levels.length >= depthLimit) return refuse(removal, path, `lies more than ${depthLimit} levels deep`);
  const openOn = (side: Side, dirfd: number): number =>
    openToRead(dirfd, name, new Stat(), (opened) => !side.isForeign(opened));
  const write = openOn(tree.write, parent.write);
  if (write === -errno.EXDEV) return refuse(removal, path, mountInTheWay().message);
  if (write < 0) return refuse(removal, path, `cannot be opened: ${errnoName(write)}`);
  let look = tree.layered ? openOn(tree.look, parent.look) : write;
  // What lower layers alone have is looked at through the mount.
  if (tree.layered && look < 0 && why === 'in-the-way') look = openOn(tree.write, parent.write);
  if (look < 0) {
    closeFd(write);
    return refuse(removal, path, mountInTheWay().message);
  }
  let names: string[];
  try {
    names = listDirectory(why === 'extra' ? look : write);
  } catch (error) {
    closeFd(write);
    if (tree.layered) closeFd(look);
    return refuse(removal, path, (error as Error).message);
  }
  const stays = tree.layered && why === 'extra' && isAboveLower(tree, path, look, stat);
  levels.push({ look, write, names, name, path, stat, next: 0, stays });
  if (stays) removal.keptLayer(path);
  return null;
}

const leave = (removal: Removal, parent: Sides, level: Level): boolean =>
  level.stays ? false : unlink(removal, parent, level, AT_REMOVEDIR);

function unlink(removal: Removal, parent: Sides, { name, path, stat }: Found, flags: number): boolean {
  const rc = removal.apply ? unlinkAt(parent.write, name, flags) : 0;
  if (rc === -errno.EPERM)
    return refuse(
      removal,
      path,
      'cannot be removed: EPERM (lsattr shows whether it or its directory is immutable)',
    );
  if (rc < 0 && rc !== -errno.ENOENT) return refuse(removal, path, `cannot be removed: ${errnoName(rc)}`);
  removal.removed(path, stat);
  if (removal.tree.layered && removal.why === 'extra' && leavesWhiteout(removal, parent, name, path))
    removal.keptLayer(path);
  return true;
}

/** Lower layers have it too, and what is removed there hides them. */
function leavesWhiteout({ apply, tree }: Removal, parent: Sides, name: Buffer, path: Buffer): boolean {
  if (apply) return statAt(parent.look, name, new Stat()) === 0;
  return tree.lower !== null && tree.lower.kindOf(tree.relative(path)) !== null;
}

function isOfLowerLayer({ tree }: Removal, dirfd: number, { name, path, stat }: Found): boolean {
  const fd = openAt(dirfd, name, O.PATH | O.NOFOLLOW);
  if (fd < 0) return false;
  try {
    return isAboveLower(tree, path, fd, stat);
  } finally {
    closeFd(fd);
  }
}

function refuse(removal: Removal, path: Buffer, message: string): false {
  removal.refused(path, message);
  return false;
}
