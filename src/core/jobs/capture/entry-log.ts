/**
 * Describes what the walk meets and writes it down: entries into pages, trouble into warnings.
 */

import { type Content, type Entry, entryFlags, fileType } from '../../archive/entry.ts';
import type { PageWriter } from '../../archive/pages.ts';
import { stopWhereExhausted } from '../../filesystem/exhaustion.ts';
import { errno, errnoName, type Stat } from '../../filesystem/native.ts';
import type { XattrBackend, XattrSubject } from '../../filesystem/xattrs.ts';
import { changedAspects, isSameRecord, sameContent } from '../diff/compare-entries.ts';
import { describeEntry } from './describe-entry.ts';
import type { KnownContents } from './known-contents.ts';
import { isUnchanged, type Level } from './levels.ts';
import type { CaptureCounts, CaptureTree } from './messages.ts';
import type { ParentMerge } from './parent-merge.ts';
import type { SegmentWriter } from './segment-writer.ts';

export interface TreeContext {
  readonly segments: SegmentWriter;
  readonly pages: PageWriter;
  /** Directories, and entries with several names, for the final segment. */
  readonly directories: PageWriter;
  readonly linked: PageWriter;
  readonly counts: CaptureCounts;
  /** What the parent snapshot recorded of this tree; null for a full. */
  readonly merge: ParentMerge | null;
  /** True for what is unchanged and to be looked at all the same, by the lower half of its inode's number. */
  readonly isDue: (inodeLow: number) => boolean;
  /** True for a directory of which the parent has so much that it is worth another worker. */
  isLarge(fullPath: string): boolean;
  /** Content that the account's snapshots hold already; null for a full. */
  readonly known: KnownContents | null;
  readonly xattrs: XattrBackend;
  readonly now: () => number;
  /** As the function of that name. */
  openRoot(stat: Stat): number;
  flushPages(cut: boolean): void;
  /** Whether the parent has the content of a file with several names. */
  holdsLink(inode: bigint): boolean;
  /** A file with several names that is as the parent recorded it: the record of one of them. */
  keepLink(record: ParentMerge['record']): void;
  warn(code: string, path: string, message: string): void;
  /** True where another worker has nothing to do. */
  wantsHandOver(): boolean;
  /** Takes the place of that worker, once; false where it has found work meanwhile. */
  claimHandOver(): boolean;
  handOver(path: string): void;
  /** Throws where the job was stopped. */
  checkStop(): void;
}

export const keptUnread = (why: string): string =>
  `cannot be read again: ${why}; its content of the snapshot before is kept`;

export class EntryLog {
  readonly #tree: CaptureTree;
  readonly #context: TreeContext;
  /** What the parent has of the name that is being captured, where that differs or had to be read again. */
  #before: Entry | null = null;
  /** The directory whose names are captured; null: it was not this worker that found them. */
  within: Level | null = null;

  constructor(tree: CaptureTree, context: TreeContext) {
    this.#tree = tree;
    this.#context = context;
  }

  /**
   * `subject` null: its xattrs are not looked at. `path` is relative to the root, latin1.
   *
   * @param seenMs before `stat` was taken; left out: it was a moment ago
   */
  describe(
    path: string,
    stat: Stat,
    subject: XattrSubject | null,
    flags: number,
    seenMs = this.#context.now(),
  ): Entry {
    const { xattrs, warn } = this.#context;
    return describeEntry({ full: this.fullPath(path), stat, subject, flags, seenMs }, xattrs, (message) =>
      warn('xattr-unreadable', path, message),
    );
  }

  fullPath(path: string): string {
    return path === '' ? this.#tree.name : `${this.#tree.name}/${path}`;
  }

  /**
   * Compares an inode with what the parent recorded under this path.
   *
   * @returns `same` (call `keep`, or `replace` after all), the parent's entry where it differs, or null
   */
  meet(path: string, stat: Stat): 'same' | Entry | null {
    const { merge } = this.#context;
    this.#before = null;
    if (merge === null || !merge.find(this.fullPath(path))) return null;
    if (merge.isUnchanged(stat) && this.#isHeld(merge.record)) return 'same';
    this.#before = merge.take();
    return this.#before;
  }

  /**
   * True where a name is no directory and as the parent has it: call `keep`. Makes no object, and leaves the merge
   * where it is.
   */
  isAsBefore(prefix: Buffer, name: Buffer, length: number, stat: Stat): boolean {
    return this.#context.merge?.isAt(prefix, name, length) === true && this.isAsRecorded(stat);
  }

  /** As `isAsBefore`, for the name that the merge is at. */
  isAsRecorded(stat: Stat): boolean {
    const merge = this.#context.merge!;
    return merge.isUnchanged(stat) && this.#isHeld(merge.record);
  }

  /** Whether the parent has content for what was met the same. */
  get hasKeptHash(): boolean {
    return this.#context.merge!.record.hasHash;
  }

  /** False for a linked file that the parent could not read: only its names are there. */
  #isHeld(record: ParentMerge['record']): boolean {
    const { flags, mode } = record;
    const linked = (flags & entryFlags.linked) !== 0 && (mode & fileType.mask) === fileType.regular;
    return !linked || this.#context.holdsLink(record.inode);
  }

  /** Takes over the parent's entry, which `meet` found the same. */
  keep(): void {
    const merge = this.#context.merge!;
    const { mode, flags } = merge.record;
    this.#count(mode);
    this.#context.counts.kept++;
    if ((flags & entryFlags.linked) !== 0) this.#context.keepLink(merge.record);
    merge.keep();
    this.#context.flushPages(false);
  }

  /** What `meet` found the same cannot be read again: what the parent has of it must not be lost for that. */
  keepUnread(path: string, why: string): void {
    this.#context.warn('unreadable', path, keptUnread(why));
    this.keep();
  }

  /** True where what `meet` found the same is so still. */
  isStillSame(stat: Stat): boolean {
    return this.#context.merge?.isUnchanged(stat) === true;
  }

  /** Gives up the parent's entry, which `meet` found the same; another is emitted in its place. */
  replace(): Entry | null {
    this.#before = this.#context.merge?.take() ?? null;
    return this.#before;
  }

  /** Hash of the content that the parent has for what `meet` found the same; null where it has none. */
  keptHash(): Buffer | null {
    return this.#context.merge?.record.sha256 ?? null;
  }

  /** That content, with its places. */
  keptContent(): Content | null {
    return this.#context.merge?.record.entry().content ?? null;
  }

  /**
   * Writes down a directory without what it holds. Its state says nothing of why, or of its attributes where they are
   * not looked at: so only a record that comes out the very same is kept.
   */
  leaveOut(path: string, stat: Stat, subject: XattrSubject | null): void {
    const { merge } = this.#context;
    const entry = this.describe(path, stat, subject, entryFlags.contentsLeftOut);
    this.#before = null;
    if (merge?.find(this.fullPath(path)) === true) {
      if (isSameRecord(merge.record.entry(), entry)) {
        this.keep();
        return;
      }
      this.#before = merge.take();
    }
    this.emit(entry);
  }

  emit(entry: Entry): void {
    const { pages, directories, linked, merge, counts } = this.#context;
    this.#count(entry.mode);
    const before = this.#before;
    this.#before = null;
    if (before !== null) {
      const aspects = changedAspects(before, entry, sameContent(before.content, entry.content));
      if (aspects.length === 0) counts.kept++;
      else counts.changed++;
    }
    if (merge === null) pages.add(entry);
    else merge.write(entry);
    // Only the tar of a full holds them.
    if (merge === null && (entry.mode & fileType.mask) === fileType.directory) directories.add(entry);
    if ((entry.flags & entryFlags.linked) !== 0) linked.add(entry);
    this.#context.flushPages(false);
  }

  #count(mode: number): void {
    const { counts } = this.#context;
    const type = mode & fileType.mask;
    counts.entries++;
    if (type === fileType.directory) counts.directories++;
    else if (type === fileType.regular) counts.files++;
  }

  omitted(path: string, attributes: readonly string[]): void {
    if (attributes.length === 0) return;
    const message = 'has more than 1 MiB of attributes; the tar lacks some, the index has all';
    this.#context.warn('tar-xattrs-left-out', path, message);
  }

  /**
   * A name that cannot be had. It has vanished where its directory shows that something has; else the next snapshot
   * must not take for granted that it is gone.
   *
   * @param rc a negated errno
   * @throws RUN_FAILED where it does not speak of the file
   */
  lost(path: string, rc: number): void {
    stopWhereExhausted(rc);
    if (rc !== -errno.ENOENT) this.unreadable(path, errnoName(rc));
    else if (this.within !== null && !isUnchanged(this.within)) {
      this.#context.warn('vanished', path, 'vanished before it was read');
    } else this.unreadable(path, 'it is not found, though its directory has not changed');
  }

  unreadable(path: string, why: string): void {
    this.#context.warn('unreadable', path, `cannot be read: ${why}; it is left out`);
  }
}
