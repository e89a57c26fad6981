/**
 * A live tree, reached one component at a time through descriptors, never through a link or onto a mount.
 *
 * It has two sides. `look` is where the tree is compared with the snapshot; `write` is where it is changed.
 * They are the same directory, but for the upper layer of a mounted overlay: that one is looked at itself
 * and written only through the mount (`layered`).
 */

import { type Entry, fileType, typeOf } from '../../archive/entry.ts';
import { HoldfastError } from '../../errors.ts';
import { AT_FDCWD, closeFd, errnoName, O, openAt, Stat, statFd, zName } from '../../filesystem/native.ts';
import { componentName, OpenDirectories } from '../../filesystem/open-directories.ts';
import { isAbsent, openToRead } from '../../filesystem/open-to-read.ts';
import { displayName } from '../../filesystem/xattrs.ts';
import { quoted } from '../../printable.ts';
import { isElsewhere } from '../capture/levels.ts';
import type { IndexReader } from '../index-reader.ts';
import { type LowerLayers, openLowerLayers } from './lower-layers.ts';
import { mountInTheWay, unwritable } from './obstacles.ts';
import { isClosedToOthers, isOurs } from './ownership.ts';

const opened = new Stat();

/** A component of the path is not there, or is no directory. */
class Absent extends Error {}

export class Side {
  readonly root: number;
  readonly #directories: OpenDirectories;
  readonly #rootStat = new Stat();
  /** Open directories in which, and above which, nobody but us can give names to other inodes. */
  readonly #closed = new Set<number>();
  readonly #ours: ReadonlySet<string>;
  #parts: readonly string[] = [];

  /** `ours`: see LiveTree. @throws TARGET_UNWRITABLE there is no such directory */
  constructor(path: string, ours: ReadonlySet<string>) {
    this.#ours = ours;
    this.root = openAt(AT_FDCWD, zName(path), O.DIRECTORY | O.NOFOLLOW);
    if (this.root < 0) {
      throw new HoldfastError('TARGET_UNWRITABLE', `cannot open ${quoted(path)}: ${errnoName(this.root)}`, {
        hint: 'Let the panel create the account and its directories first, or restore with --to DIR.',
      });
    }
    statFd(this.root, this.#rootStat);
    if (isClosedToOthers(this.#rootStat)) this.#closed.add(this.root);
    this.#directories = new OpenDirectories(this.root, (dirfd, part, depth) =>
      this.#enter(dirfd, part, depth),
    );
  }

  /** Of the mount that it is on; on file systems that do not tell of mounts, of the device. No link leaves it. */
  get mountId(): string {
    const { deviceMajor, deviceMinor, mountLow, mountHigh } = this.#rootStat;
    return `${deviceMajor}:${deviceMinor}:${mountHigh}:${mountLow}`;
  }

  /** Whether nobody but us can have put there what lies in this open directory. */
  isClosed(directory: number): boolean {
    return this.#closed.has(directory);
  }

  /** As `isClosed`, of a directory by its path; false where it is not there. */
  isClosedAt(path: Buffer): boolean {
    const fd = this.directory(path);
    return fd !== null && this.isClosed(fd);
  }

  /** `path` is relative to the root. Null where it is not there; open until the next call. @throws a mount */
  directory(path: Buffer): number | null {
    return this.#open(path.length === 0 ? [] : path.toString('latin1').split('/'));
  }

  parentOf(path: Buffer): number | null {
    return this.#open(path.toString('latin1').split('/').slice(0, -1));
  }

  #open(parts: readonly string[]): number | null {
    this.#parts = parts;
    try {
      return this.#directories.open(parts);
    } catch (error) {
      if (error instanceof Absent) return null;
      throw error;
    }
  }

  #enter(dirfd: number, part: string, depth: number): number {
    const closed = this.#closed.has(dirfd);
    const fd = openToRead(dirfd, componentName(part), opened, (stat) => {
      if (this.isForeign(stat)) throw mountInTheWay();
      const expected = closed || !isOurs(stat) || this.#ours.has(this.#parts.slice(0, depth + 1).join('/'));
      if (!expected) throw unwritable(`${displayName(part)} is a directory of root, and was none`);
      return true;
    });
    if (isAbsent(fd)) throw new Absent();
    if (fd < 0) throw unwritable(`cannot enter its directory: ${errnoName(fd)}`);
    if (closed && isClosedToOthers(opened)) this.#closed.add(fd);
    else this.#closed.delete(fd);
    return fd;
  }

  /** On another file system, or under another mount, than the root. */
  isForeign(stat: Stat): boolean {
    return isElsewhere(stat, this.#rootStat);
  }

  close(): void {
    this.#directories.close();
    closeFd(this.root);
  }
}

export class LiveTree {
  readonly name: string;
  readonly layered: boolean;
  readonly look: Side;
  readonly write: Side;
  /** Null where there are none, or they cannot be read. */
  readonly lower: LowerLayers | null;
  /**
   * Directories that the snapshot has as ours, where others can exchange them, by path without the tree. Any other
   * of ours that is found there was put there by somebody who could not write into it, and is not entered.
   */
  readonly #ours = new Set<string>();

  constructor(name: string, lookPath: string, writePath: string) {
    this.name = name;
    this.layered = lookPath !== writePath;
    this.look = new Side(lookPath, this.#ours);
    this.write = this.layered ? new Side(writePath, this.#ours) : this.look;
    this.lower = this.layered ? openLowerLayers(this.write.root, this.look.root) : null;
  }

  /** Hears of the snapshot's directories before what lies in them is looked at. */
  expect(entry: Entry): void {
    if (typeOf(entry) === fileType.directory && isOurs(entry))
      this.#ours.add(this.relative(entry.path).toString('latin1'));
  }

  /** Without the name of the tree; empty for its root. */
  relative(path: Buffer): Buffer {
    return path.subarray(this.name.length + 1);
  }

  /** The directory that holds `path`, to write in. @throws TARGET_UNWRITABLE it is not there */
  writableParent(path: Buffer): number {
    return this.#writable(this.write.parentOf(this.relative(path)));
  }

  writableDirectory(path: Buffer): number {
    return this.#writable(this.write.directory(this.relative(path)));
  }

  #writable(fd: number | null): number {
    if (fd === null) throw unwritable('its directory is not there, or is no directory');
    return fd;
  }

  close(): void {
    this.lower?.close();
    this.look.close();
    if (this.layered) this.write.close();
  }
}

/** A restored path and what is above it are entered before any entry comes. */
export async function expectAbove(
  path: Buffer,
  reader: IndexReader,
  treeOf: (path: Buffer) => LiveTree,
): Promise<void> {
  for (let end = path.indexOf(0x2f); end > 0; ) {
    end = path.indexOf(0x2f, end + 1);
    const entry = await reader.lookup(end < 0 ? path : path.subarray(0, end));
    if (entry !== null) treeOf(path).expect(entry);
  }
}
