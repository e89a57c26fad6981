/**
 * Walks a tree depth first through directory descriptors and captures what it meets.
 *
 * Race-safe: one component at a time, links never followed, every descriptor checked after opening, other
 * file systems recognised before anything on them is opened. Entries come in the order of the index.
 * What cannot be captured becomes a warning; only its root can fail the tree.
 */

import { entryFlags, fileType } from '../../archive/entry.ts';
import { plainName } from '../../filesystem/directory.ts';
import { datesDirectories, type NumberRule, numberRule } from '../../filesystem/kind.ts';
import { closeFd, errno, O, openAt, Stat, statAt, statFd } from '../../filesystem/native.ts';
import { PathFilter } from '../../filesystem/patterns.ts';
import { EntryLog, type TreeContext } from './entry-log.ts';
import { handOver } from './hand-over.ts';
import { captureRegular, captureSpecial, type LeafContext, type Previous } from './leaf-capture.ts';
import {
  cName,
  depthOf,
  depthProblem,
  isElsewhere,
  isListed,
  isReplaced,
  type Level,
  levelOf,
} from './levels.ts';
import { listNames, nextListed } from './listed-names.ts';
import type { CaptureTree } from './messages.ts';
import { openAbove } from './open-root.ts';
import { nextToCapture } from './recorded-names.ts';
import { enterUnchanged, hasRecordedNames } from './unchanged-directory.ts';

export class TreeCapture {
  readonly #tree: CaptureTree;
  readonly #context: TreeContext;
  readonly #filter: PathFilter;
  readonly #stat = new Stat();
  readonly #rootStat = new Stat();
  readonly #log: EntryLog;
  readonly #leaf: LeafContext;
  #stack: Level[] = [];
  #datesDirectories = false;
  #isNumbered: NumberRule = () => false;

  constructor(tree: CaptureTree, context: TreeContext) {
    this.#tree = tree;
    this.#context = context;
    this.#filter = new PathFilter(tree.exclude, tree.include);
    this.#log = new EntryLog(tree, context);
    this.#leaf = {
      context,
      log: this.#log,
      stat: this.#stat,
      isForeign: (stat) => this.#isForeign(stat),
      joinsLinks: (stat) => this.#isNumbered(stat) && stat.isOnDevice(this.#rootStat),
    };
  }

  /**
   * Captures the directory at `path` (empty: the root) and all below it.
   *
   * @throws TREE_UNREADABLE the root cannot be opened, or is not the one that it was
   * @throws RUN_FAILED descriptors or memory ran out
   */
  run(path: string): void {
    const root = this.#context.openRoot(this.#rootStat);
    try {
      this.#datesDirectories = this.#tree.namesKnown === true && datesDirectories(root);
      if (!this.#spansDevices) this.#isNumbered = numberRule(root);
      this.#start(root, path);
      while (this.#stack.length > 0) this.#step();
    } finally {
      for (const level of this.#stack) closeFd(level.fd);
      this.#stack = [];
    }
  }

  #start(root: number, path: string): void {
    if (path === '') {
      const seenMs = this.#context.now();
      statFd(root, this.#stat);
      this.#enter(root, '', 0, seenMs);
      return;
    }
    const fd = openAbove(root, path);
    if (fd < 0) {
      // Somebody may have moved a directory above it, and back: nothing below that shows it.
      this.#log.lost(path, isReplaced(fd) ? -errno.ENOENT : fd);
      return;
    }
    try {
      this.#capture(fd, path.slice(path.lastIndexOf('/') + 1), path);
    } finally {
      closeFd(fd);
    }
  }

  #step(): void {
    const level = this.#stack.at(-1)!;
    this.#log.within = level;
    const name = isListed(level)
      ? nextListed(this.#leaf, level, this.#takes)
      : nextToCapture(this.#leaf, level);
    if (name !== null) {
      const path = level.prefix + plainName(name);
      const fd = isListed(level) ? -1 : enterUnchanged(this.#leaf, level, path);
      if (fd < 0) this.#capture(level.fd, name, path);
      else this.#push(path, { fd, names: null, depth: level.depth + 1, isNew: false });
    } else if (level.names === null || level.next >= level.names.length) {
      closeFd(level.fd);
      this.#stack.pop();
    }
  }

  readonly #takes = (path: string): boolean => this.#filter.judge(path, depthOf(path)) === 'take';

  /** One name in an open directory. `name` may carry NUL and its type. */
  #capture(dirfd: number, name: string, path: string): void {
    const verdict = this.#filter.judge(path, depthOf(path));
    if (verdict === 'skip') return;
    let previous: Previous = null;
    for (let attempt = 0; attempt < 4; attempt++) {
      const stat = this.#stat;
      const rc = statAt(dirfd, cName(name), stat);
      if (rc < 0) {
        this.#log.lost(path, rc);
        return;
      }
      const type = stat.mode & fileType.mask;
      if (verdict === 'pass' && type !== fileType.directory) return;
      if (this.#isForeign(stat)) {
        this.#foreign(path, type, verdict === 'leave-out');
        return;
      }
      if (verdict === 'leave-out') {
        if (type === fileType.directory) this.#leaveOut(dirfd, name, path);
        return;
      }
      if (type !== fileType.directory && attempt === 0) {
        previous = this.#log.meet(path, stat);
        if (previous === 'same' && !(type === fileType.regular && this.#isDue())) {
          this.#log.keep();
          return;
        }
      }
      const done =
        type === fileType.directory
          ? this.#directory(dirfd, name, path)
          : type === fileType.regular
            ? captureRegular(this.#leaf, dirfd, cName(name), path, previous)
            : captureSpecial(this.#leaf, dirfd, cName(name), path);
      if (done) return;
    }
    this.#context.warn('unstable', path, 'kept changing its type while it was read; it is left out');
  }

  /** An unchanged file with content of its own whose turn it is to be read all the same. */
  #isDue(): boolean {
    return this.#log.hasKeptHash && this.#context.isDue(this.#stat.inodeLow);
  }

  /** A tree that names what it wants may span file systems. */
  get #spansDevices(): boolean {
    return this.#tree.include !== undefined;
  }

  #isForeign(stat: Stat): boolean {
    if (this.#spansDevices) return false;
    return isElsewhere(stat, this.#rootStat);
  }

  /** A mount, or a subvolume: its entry is kept, nothing on it is opened. Who excludes it need not hear of it. */
  #foreign(path: string, type: number, isExcluded: boolean): void {
    const message = 'is on another file system or subvolume; what it holds is left out';
    if (!isExcluded) this.#context.warn('other-file-system', path, message);
    if (type === fileType.directory) this.#log.leaveOut(path, this.#stat, null);
  }

  /** An excluded directory: there, but without what it holds. */
  #leaveOut(dirfd: number, name: string, path: string): void {
    const fd = openAt(dirfd, cName(name), O.DIRECTORY | O.NOFOLLOW);
    if (fd < 0) {
      this.#log.lost(path, fd);
      return;
    }
    statFd(fd, this.#stat);
    this.#log.leaveOut(path, this.#stat, fd);
    closeFd(fd);
  }

  /** @returns false where it is no directory any more */
  #directory(dirfd: number, name: string, path: string): boolean {
    const fd = openAt(dirfd, cName(name), O.DIRECTORY | O.NOFOLLOW);
    if (isReplaced(fd)) return false;
    if (fd < 0) {
      this.#log.lost(path, fd);
      return true;
    }
    const seenMs = this.#context.now();
    if (statFd(fd, this.#stat) < 0 || this.#isForeign(this.#stat)) {
      closeFd(fd);
      this.#context.warn('other-file-system', path, 'was mounted over while it was read; it is left out');
      return true;
    }
    this.#enter(fd, path, depthOf(path), seenMs);
    return true;
  }

  /** Records an open directory and puts it on the stack, which then owns the descriptor. */
  #enter(fd: number, path: string, depth: number, seenMs: number): void {
    const tooDeep = depthProblem(path, depth);
    this.#context.checkStop();
    const isKnown = tooDeep === null && this.#knowsNames(path);
    const names = tooDeep !== null || isKnown ? null : listNames(fd, path, this.#context);
    this.#context.flushPages(false);
    if (names === null && !isKnown) {
      // Its contents are unknown, which is not the same as none.
      this.#log.leaveOut(path, this.#stat, fd);
      closeFd(fd);
      if (tooDeep !== null) this.#context.warn('too-deep', path, tooDeep);
      return;
    }
    const before = this.#log.meet(path, this.#stat);
    const isNew = before === null || (before !== 'same' && (before.flags & entryFlags.contentsLeftOut) !== 0);
    if (before === 'same') this.#log.keep();
    else this.#log.emit(this.#log.describe(path, this.#stat, fd, 0, seenMs));
    this.#push(path, { fd, names, depth, isNew });
  }

  #push(path: string, entered: Pick<Level, 'fd' | 'names' | 'depth' | 'isNew'>): void {
    const prefix = path === '' ? '' : `${path}/`;
    const prefixBytes = Buffer.from(`${this.#log.fullPath(path)}/`, 'latin1');
    const takesAll = this.#context.merge !== null && this.#filter.takesAllAt(entered.depth + 1);
    this.#stack.push(levelOf({ ...entered, prefix, prefixBytes, takesAll }, this.#stat));
    if (this.#context.wantsHandOver()) handOver(this.#stack, this.#context, this.#log);
  }

  /** An unchanged directory of which the parent has all names. */
  #knowsNames(path: string): boolean {
    const isAtIt = this.#datesDirectories && this.#context.merge?.find(this.#log.fullPath(path)) === true;
    return isAtIt && hasRecordedNames(this.#leaf, path);
  }
}
