/**
 * Walks a tree depth first through directory descriptors and captures what it meets.
 *
 * Race-safe: one component at a time, links never followed, every descriptor checked after opening, other
 * file systems recognised before anything on them is opened. Entries come in the order of the index.
 * What cannot be captured becomes a warning; only a root that cannot be opened fails the tree.
 */

import { Buffer } from 'node:buffer';
import { type Entry, entryFlags, fileType } from '../../archive/entry.ts';
import type { PageWriter } from '../../archive/pages.ts';
import { HoldfastError } from '../../errors.ts';
import { directoryType, listDirectory } from '../../filesystem/directory.ts';
import {
  AT_FDCWD,
  closeFd,
  errno,
  errnoName,
  O,
  openAt,
  readLinkAt,
  Stat,
  statAt,
  statFd,
} from '../../filesystem/native.ts';
import { PathFilter } from '../../filesystem/patterns.ts';
import { magicPath, type XattrBackend, XattrError, type XattrSubject } from '../../filesystem/xattrs.ts';
import { captureFile } from './file-capture.ts';
import type { CaptureCounts, CaptureTree } from './messages.ts';
import { linkTarget, plainTarType, type SegmentWriter } from './segment-writer.ts';

/** Deeper directories are left out with a warning: each level holds a descriptor. */
export const depthLimit = 10_000;
const racyMs = 2000;
const noXattrs: Entry['xattrs'] = [];

export interface TreeContext {
  readonly segments: SegmentWriter;
  readonly pages: PageWriter;
  /** Directories, and entries with several names, for the final segment. */
  readonly directories: PageWriter;
  readonly linked: PageWriter;
  readonly counts: CaptureCounts;
  readonly xattrs: XattrBackend;
  readonly now: () => number;
  flushPages(cut: boolean): void;
  warn(code: string, path: string, message: string): void;
  /** True where another worker has nothing to do. */
  wantsHandOver(): boolean;
  /** Takes the place of that worker, once; false where it has found work meanwhile. */
  claimHandOver(): boolean;
  handOver(path: string): void;
  /** Throws where the job was stopped. */
  checkStop(): void;
}

interface Level {
  readonly fd: number;
  readonly names: readonly string[];
  /** Path of the directory relative to the root, ending in `/`; empty for the root. */
  readonly prefix: string;
  next: number;
  /** Names from here on that were handed over, newest first. */
  readonly given: Set<string>;
}

const nameBuffer = Buffer.alloc(512);
const targetBuffer = Buffer.alloc(65536);
const emptyName = Buffer.from([0]);

/** `name` is latin1, possibly followed by NUL and more. Valid until the next call. */
function cName(name: string): Buffer {
  const length = nameBuffer.write(name, 0, 'latin1');
  nameBuffer[length] = 0;
  return nameBuffer;
}

export class TreeCapture {
  readonly #tree: CaptureTree;
  readonly #context: TreeContext;
  readonly #filter: PathFilter;
  readonly #stat = new Stat();
  readonly #rootStat = new Stat();
  #stack: Level[] = [];

  constructor(tree: CaptureTree, context: TreeContext) {
    this.#tree = tree;
    this.#context = context;
    this.#filter = new PathFilter(tree.exclude, tree.include);
  }

  /**
   * Captures the directory at `path` (empty: the root) and all below it.
   *
   * @throws TREE_UNREADABLE the root cannot be opened
   */
  run(path: string): void {
    const root = openAt(AT_FDCWD, Buffer.from(`${this.#tree.path}\0`), O.DIRECTORY | O.NOFOLLOW);
    if (root < 0 || statFd(root, this.#rootStat) < 0) {
      throw new HoldfastError('TREE_UNREADABLE', `cannot open tree ${this.#tree.name}: ${errnoName(root)}`, {
        hint: 'Check that the path exists, is a directory and is mounted.',
      });
    }
    try {
      this.#start(root, path);
      while (this.#stack.length > 0) this.#step();
    } finally {
      for (const level of this.#stack) closeFd(level.fd);
      this.#stack = [];
    }
  }

  #start(root: number, path: string): void {
    if (path === '') {
      this.#enter(root, '', 0);
      return;
    }
    const parts = path.split('/');
    const last = parts.pop()!;
    let fd = root;
    for (const part of parts) {
      const below = openAt(fd, cName(part), O.DIRECTORY | O.NOFOLLOW);
      closeFd(fd);
      if (below < 0) {
        this.#context.warn('vanished', path, `directory vanished before it was read: ${errnoName(below)}`);
        return;
      }
      fd = below;
    }
    try {
      this.#capture(fd, last, path);
    } finally {
      closeFd(fd);
    }
  }

  #step(): void {
    const level = this.#stack.at(-1)!;
    if (level.next >= level.names.length) {
      closeFd(level.fd);
      this.#stack.pop();
      return;
    }
    const name = level.names[level.next++]!;
    if (level.given.size > 0 && level.given.has(name)) {
      this.#context.flushPages(true);
      return;
    }
    this.#capture(level.fd, name, level.prefix + name.slice(0, name.indexOf('\0')));
  }

  /** One name in an open directory. `name` may carry NUL and its type. */
  #capture(dirfd: number, name: string, path: string): void {
    const verdict = this.#filter.judge(path, depthOf(path));
    if (verdict === 'skip') return;
    for (let attempt = 0; attempt < 4; attempt++) {
      const stat = this.#stat;
      const rc = statAt(dirfd, cName(name), stat);
      if (rc < 0) {
        this.#lost(path, rc);
        return;
      }
      const type = stat.mode & fileType.mask;
      if (verdict === 'pass' && type !== fileType.directory) return;
      if (this.#isForeign(stat)) {
        this.#foreign(path, type);
        return;
      }
      if (verdict === 'leave-out') {
        if (type === fileType.directory) this.#describeClosed(dirfd, name, path, entryFlags.contentsLeftOut);
        return;
      }
      const done =
        type === fileType.directory
          ? this.#directory(dirfd, name, path)
          : type === fileType.regular
            ? this.#regular(dirfd, name, path)
            : this.#special(dirfd, name, path);
      if (done) return;
    }
    this.#context.warn('unstable', path, 'kept changing its type while it was read; it is left out');
  }

  /** A tree that names what it wants may span file systems; inodes of several devices do not make links. */
  #spansDevices(): boolean {
    return this.#tree.include !== undefined;
  }

  #isForeign(stat: Stat): boolean {
    if (this.#spansDevices()) return false;
    const root = this.#rootStat;
    return (
      stat.deviceMajor !== root.deviceMajor ||
      stat.deviceMinor !== root.deviceMinor ||
      (stat.mountId !== root.mountId && stat.mountId !== 0n && root.mountId !== 0n)
    );
  }

  /** Something mounted here belongs to another file system: its entry is kept, nothing on it is opened. */
  #foreign(path: string, type: number): void {
    this.#context.warn('other-file-system', path, 'is on another file system; what it holds is left out');
    if (type === fileType.directory)
      this.#emit(this.#entry(path, this.#stat, noXattrs, entryFlags.contentsLeftOut));
  }

  #describeClosed(dirfd: number, name: string, path: string, flags: number): void {
    const fd = openAt(dirfd, cName(name), O.DIRECTORY | O.NOFOLLOW);
    if (fd < 0) {
      this.#lost(path, fd);
      return;
    }
    statFd(fd, this.#stat);
    const entry = this.#entry(path, this.#stat, this.#xattrs(fd, path), flags);
    closeFd(fd);
    this.#emit(entry);
  }

  /** @returns false where it is no directory any more */
  #directory(dirfd: number, name: string, path: string): boolean {
    const fd = openAt(dirfd, cName(name), O.DIRECTORY | O.NOFOLLOW);
    if (fd === -errno.ENOTDIR || fd === -errno.ELOOP) return false;
    if (fd < 0) {
      if (fd === -errno.ENOENT) this.#lost(path, fd);
      else this.#unreadable(path, fd);
      return true;
    }
    if (statFd(fd, this.#stat) < 0 || this.#isForeign(this.#stat)) {
      closeFd(fd);
      this.#context.warn('other-file-system', path, 'was mounted over while it was read; it is left out');
      return true;
    }
    this.#enter(fd, `${path}/`, depthOf(path));
    return true;
  }

  /** Records an open directory and puts it on the stack, which then owns the descriptor. */
  #enter(fd: number, prefix: string, depth: number): void {
    const { counts } = this.#context;
    if (prefix === '') statFd(fd, this.#stat);
    const path = prefix.slice(0, -1);
    const tooDeep = depth >= depthLimit;
    const flags = tooDeep ? entryFlags.contentsLeftOut : 0;
    this.#context.checkStop();
    const entry = this.#entry(path, this.#stat, this.#xattrs(fd, path), flags);
    counts.directories++;
    this.#context.flushPages(false);
    this.#emit(entry);
    if (tooDeep) {
      closeFd(fd);
      this.#context.warn(
        'too-deep',
        path,
        `lies more than ${depthLimit} levels deep; its contents are left out`,
      );
      return;
    }
    let names: string[];
    try {
      names = listDirectory(fd);
    } catch (error) {
      closeFd(fd);
      this.#context.warn('unreadable', path, (error as Error).message);
      return;
    }
    this.#stack.push({ fd, names, prefix, next: 0, given: new Set() });
    if (this.#context.wantsHandOver()) this.#handOver();
  }

  /** Gives the last waiting directory of the highest level, which is likely to be large, to another worker. */
  #handOver(): void {
    for (const level of this.#stack) {
      for (let i = level.names.length - 1; i >= level.next; i--) {
        const name = level.names[i]!;
        if (!name.endsWith(`\0${directoryType}`) || level.given.has(name)) continue;
        if (!this.#context.claimHandOver()) return;
        level.given.add(name);
        this.#context.handOver(level.prefix + name.slice(0, name.indexOf('\0')));
        return;
      }
    }
  }

  /** @returns false where it is no regular file any more */
  #regular(dirfd: number, name: string, path: string): boolean {
    const stat = this.#stat;
    const flags = O.NOFOLLOW | O.NONBLOCK;
    let fd = openAt(dirfd, cName(name), flags | O.NOATIME);
    if (fd === -errno.EPERM) fd = openAt(dirfd, cName(name), flags);
    if (fd === -errno.ELOOP || fd === -errno.ENXIO || fd === -errno.EISDIR) return false;
    if (fd < 0) {
      if (fd === -errno.ENOENT) this.#lost(path, fd);
      else this.#unreadable(path, fd);
      return true;
    }
    try {
      const rc = statFd(fd, stat);
      if (rc < 0) this.#unreadable(path, rc);
      if (rc < 0) return true;
      if ((stat.mode & fileType.mask) !== fileType.regular || this.#isForeign(stat)) return false;
      if (stat.nlink > 1 && !this.#spansDevices()) {
        this.#emit(this.#entry(path, stat, this.#xattrs(fd, path), entryFlags.linked));
        return true;
      }
      this.#content(fd, stat, path);
      return true;
    } finally {
      closeFd(fd);
    }
  }

  #content(fd: number, stat: Stat, path: string): void {
    const { segments, counts } = this.#context;
    try {
      const describe = (): Entry => this.#entry(path, stat, this.#xattrs(fd, path), 0);
      const captured = captureFile(fd, stat, describe, segments);
      const flags = captured.entry.flags | (captured.changed ? entryFlags.changed : 0);
      if (captured.readError !== null) {
        this.#context.warn('unreadable', path, `${captured.readError} while it was read; the rest is zeros`);
      } else if (captured.changed) {
        this.#context.warn('changed', path, 'changed while it was read, twice; the copy may be torn');
      }
      this.#warnOmitted(path, captured.omitted);
      counts.files++;
      counts.bytes += captured.dataBytes;
      this.#emit({ ...captured.entry, flags, content: captured.content });
    } catch (error) {
      if (typeof (error as NodeJS.ErrnoException).errno !== 'number' || error instanceof XattrError)
        throw error;
      this.#context.warn(
        'unreadable',
        path,
        `cannot be read: ${(error as NodeJS.ErrnoException).code}; it is left out`,
      );
    }
  }

  /** Links, FIFOs, sockets, devices: reached through O_PATH, which opens nothing. */
  #special(dirfd: number, name: string, path: string): boolean {
    const fd = openAt(dirfd, cName(name), O.PATH | O.NOFOLLOW);
    if (fd < 0) {
      this.#lost(path, fd);
      return true;
    }
    try {
      const stat = this.#stat;
      if (statFd(fd, stat) < 0 || this.#isForeign(stat)) return false;
      const type = stat.mode & fileType.mask;
      if (type === fileType.directory || type === fileType.regular) return false;
      let target: Buffer | null = null;
      if (type === fileType.link) {
        const length = readLinkAt(fd, emptyName, targetBuffer);
        if (length < 0) return false;
        target = Buffer.from(targetBuffer.subarray(0, length));
      }
      const flags = stat.nlink > 1 && !this.#spansDevices() ? entryFlags.linked : 0;
      const entry = { ...this.#entry(path, stat, this.#xattrs(magicPath(fd), path), flags), target };
      this.#emit(entry);
      const tarType = plainTarType(entry);
      if (flags === 0 && tarType !== null) {
        this.#warnOmitted(path, this.#context.segments.writePlain(entry, tarType, linkTarget(entry)));
      }
      return true;
    } finally {
      closeFd(fd);
    }
  }

  #emit(entry: Entry): void {
    const { pages, counts } = this.#context;
    counts.entries++;
    pages.add(entry);
    if ((entry.mode & fileType.mask) === fileType.directory) this.#context.directories.add(entry);
    if ((entry.flags & entryFlags.linked) !== 0) this.#context.linked.add(entry);
    this.#context.flushPages(false);
  }

  #entry(path: string, stat: Stat, xattrs: Entry['xattrs'], flags: number): Entry {
    const full = path === '' ? this.#tree.name : `${this.#tree.name}/${path}`;
    const ctimeMs = stat.ctimeSeconds * 1000 + stat.ctimeNanoseconds / 1e6;
    return {
      path: Buffer.from(full, 'latin1'),
      flags: this.#context.now() - ctimeMs < racyMs ? flags | entryFlags.racy : flags,
      mode: stat.mode,
      uid: stat.uid,
      gid: stat.gid,
      mtimeSeconds: stat.mtimeSeconds,
      mtimeNanoseconds: stat.mtimeNanoseconds,
      ctimeSeconds: stat.ctimeSeconds,
      ctimeNanoseconds: stat.ctimeNanoseconds,
      inode: stat.inode,
      xattrs,
      content: null,
      target: null,
      rdevMajor: stat.rdevMajor,
      rdevMinor: stat.rdevMinor,
    };
  }

  #xattrs(subject: XattrSubject, path: string): Entry['xattrs'] {
    try {
      return this.#context.xattrs.read(subject);
    } catch (error) {
      if (!(error instanceof XattrError)) throw error;
      this.#context.warn('xattr-unreadable', path, error.message);
      return noXattrs;
    }
  }

  #warnOmitted(path: string, omitted: readonly string[]): void {
    if (omitted.length === 0) return;
    const message = 'has more than 1 MiB of attributes; the tar lacks some, the index has all';
    this.#context.warn('tar-xattrs-left-out', path, message);
  }

  #lost(path: string, rc: number): void {
    if (rc === -errno.ENOENT) this.#context.warn('vanished', path, 'vanished before it was read');
    else this.#unreadable(path, rc);
  }

  #unreadable(path: string, rc: number): void {
    this.#context.warn('unreadable', path, `cannot be read: ${errnoName(rc)}; it is left out`);
  }
}

function depthOf(path: string): number {
  let depth = 1;
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) depth++;
  return depth;
}
