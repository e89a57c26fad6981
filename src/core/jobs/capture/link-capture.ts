/**
 * Captures files with several names, once the walk has met all of them: content once, then hard links.
 *
 * Runs in the worker that writes the final segment. Names are reached again from their tree's root, one
 * component at a time and in path order; a name that now means another inode is passed over for the next of its group.
 */

import { comparePaths, type Entry, fileType, type LinkRecord, typeOf } from '../../archive/entry.ts';
import type { FinishedPage } from '../../archive/pages.ts';
import { stopWhereExhausted } from '../../filesystem/exhaustion.ts';
import { birthMsOf, closeFd, Stat } from '../../filesystem/native.ts';
import { systemCode } from '../../system-code.ts';
import { hasContent } from './content-hash.ts';
import { keptUnread } from './entry-log.ts';
import { type CapturedFile, captureFile } from './file-capture.ts';
import type { KnownContents } from './known-contents.ts';
import { silentChange, tornText } from './leaf-capture.ts';
import {
  entriesOf,
  findStrangers,
  type Group,
  type Groups,
  groupOf,
  keyOf,
  LinkedFiles,
  type RootOpener,
  treeOf,
} from './link-groups.ts';
import { ctimeText, linkKey } from './link-records.ts';
import type { CaptureCounts, CaptureTree } from './messages.ts';
import { linkTarget, plainTarType, type SegmentWriter } from './segment-writer.ts';

export interface LinkContext {
  readonly trees: readonly CaptureTree[];
  readonly segments: SegmentWriter;
  readonly known: KnownContents | null;
  readonly counts: CaptureCounts;
  /** See `KeptLinks`. Those that turn out to be mixed up are removed. */
  readonly kept: Map<string, string>;
  /** Before the first entry was met, milliseconds. */
  readonly startedAtMs: number;
  /** Of the walk, milliseconds. */
  readonly endedAtMs: number;
  readonly openRoot: RootOpener;
  warn(code: string, tree: string, path: string, message: string): void;
  checkStop(): void;
}

/** Writes contents; returns their records, what the hard links are, for `writeHardLinks`, and trees that are gone. */
export function captureLinked(
  pages: readonly FinishedPage[],
  context: LinkContext,
): { readonly groups: Groups; readonly records: readonly LinkRecord[]; readonly lost: LinkedFiles['lost'] } {
  const groups = new Map<string, Group>();
  const records: LinkRecord[] = [];
  const files = new LinkedFiles(context.openRoot);
  try {
    for (const entry of entriesOf(pages)) {
      context.checkStop();
      const tree = treeOf(entry, context.trees);
      const group = groupOf(groups, entry, tree);
      // Who restores one name alone must hear of it too.
      if (group.primary !== null && group.changed !== null) warnOfChange(entry, group.changed, context);
      if (group.primary !== null || group.unreadable) continue;
      if (typeOf(entry) === fileType.regular) {
        const record = captureGroup(group, entry, files, context);
        if (record === null) continue;
        records.push(record);
      } else {
        const type = plainTarType(entry);
        if (type !== null && context.known === null) {
          warnOfOmitted(entry, context.segments.writePlain(entry, type, linkTarget(entry)), context);
        }
      }
      group.primary = entry.path;
    }
  } finally {
    files.close();
  }
  for (const group of groups.values()) {
    if (group.primary !== null || group.unreadable || files.lost.has(group.tree)) continue;
    context.warn(
      'vanished',
      group.tree.name,
      group.firstPath,
      'vanished under all its names before it was read',
    );
  }
  const mixed = findStrangers(groups, pages, context.trees, context.kept);
  for (const key of mixed) {
    const { tree, firstPath } = groups.get(key)!;
    context.kept.delete(key);
    context.warn('unstable', tree.name, firstPath, mixedText);
  }
  const sound = records.filter((record) => !mixed.has(linkKey(record)));
  return { groups, records: sound, lost: files.lost };
}

/** Who reads the index tells files by their number alone: no content is better than another file's. */
const mixedText =
  'was replaced by another file with its inode number while the account was read; the content of both is left out';
const laterText = 'changed while the account was read; its times may be older than its content';
/** How much the clock of files may be behind ours. */
const clockTickMs = 100;

/** Null for a file that is older, and for one that a clock that was ahead has dated. */
function bornMeanwhile(atMs: number | null, { startedAtMs, endedAtMs }: LinkContext): number | null {
  return atMs !== null && atMs > startedAtMs - clockTickMs && atMs <= endedAtMs ? atMs : null;
}

export function writeHardLinks(pages: readonly FinishedPage[], groups: Groups, context: LinkContext): void {
  for (const entry of entriesOf(pages)) {
    const tree = treeOf(entry, context.trees);
    const { primary = null, strangers } = groups.get(keyOf(entry, tree)) ?? {};
    if (primary === null || primary.equals(entry.path)) continue;
    if (strangers?.has(entry.path.toString('latin1')) === true) continue;
    if (typeOf(entry) === fileType.socket) continue;
    context.segments.writePlain(entry, '1', primary);
    context.counts.links++;
  }
}

const stat = new Stat();

function captureGroup(
  group: Group,
  entry: Entry,
  files: LinkedFiles,
  context: LinkContext,
): LinkRecord | null {
  const tree = treeOf(entry, context.trees);
  const relative = entry.path.subarray(tree.name.length + 1);
  const fd = files.open(tree, relative);
  if (fd < 0) return null;
  try {
    if (!files.isStill(fd, entry.inode, stat)) return null;
    group.bornAtMs = bornMeanwhile(birthMsOf(fd), context);
    const { segments, known, checkStop } = context;
    const captured = captureFile(fd, stat, () => entry, { segments, known, checkStop });
    const path = relative.toString('latin1');
    warnOfOmitted(entry, captured.omitted, context);
    if (captured.readError !== null) {
      // A record would pass for the content as long as the file does not change.
      group.unreadable = true;
      const message = `${captured.readError} while it was read; its content is left out`;
      context.warn('unreadable', tree.name, path, message);
      return null;
    }
    group.changed = howChanged(captured, stat, ctimeText(entry));
    if (group.changed !== null) warnOfChange(entry, group.changed, context);
    return { device: tree.device, inode: entry.inode, path: entry.path, content: captured.content };
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (typeof errno !== 'number') throw error;
    stopWhereExhausted(errno);
    group.unreadable = true;
    const message = `cannot be read: ${systemCode(error)}; its content is left out`;
    context.warn('unreadable', tree.name, relative.toString('latin1'), message);
    return null;
  } finally {
    closeFd(fd);
  }
}

/** @param stat of when it was read @param ctime of when the walk met it @returns null where it has not changed since */
function howChanged({ changed }: CapturedFile, stat: Stat, ctime: string): string | null {
  if (changed) return tornText;
  return ctimeText(stat) === ctime ? null : laterText;
}

/** Reads unchanged linked files again whose turn it is: for each its record, or the one to put in its place. */
export function recheckLinked(records: readonly LinkRecord[], context: LinkContext): LinkRecord[] {
  const read = new Map<LinkRecord, LinkRecord>();
  const files = new LinkedFiles(context.openRoot);
  try {
    const isDue = (record: LinkRecord): boolean => ctimeOf(record, context) !== '';
    const due = records.filter(isDue).sort((a, b) => comparePaths(a.path, b.path));
    for (const record of due) read.set(record, recheck(record, files, context));
  } finally {
    files.close();
  }
  return records.map((record) => read.get(record) ?? record);
}

const ctimeOf = (record: LinkRecord, { kept }: LinkContext): string => kept.get(linkKey(record)) ?? '';

function recheck(record: LinkRecord, files: LinkedFiles, context: LinkContext): LinkRecord {
  const { sha256 } = record.content;
  const end = record.path.indexOf(0x2f);
  const tree = context.trees.find(({ name }) => name === record.path.toString('latin1', 0, end));
  if (sha256 === null || tree === undefined) return record;
  const relative = record.path.subarray(end + 1);
  const fd = files.open(tree, relative);
  if (fd < 0) return record;
  const keepUnread = (why: string): LinkRecord => {
    context.warn('unreadable', tree.name, relative.toString('latin1'), keptUnread(why));
    return record;
  };
  try {
    if (!files.isStill(fd, record.inode, stat)) return record;
    const { segments, known, checkStop } = context;
    if (hasContent(fd, stat, sha256, { recorded: () => record.content, checkStop })) return record;
    const { inode } = stat;
    const describe = (): Entry => ({ ...stat, inode, path: record.path, flags: 0, ...nothingElse });
    const captured = captureFile(fd, stat, describe, { segments, known, checkStop });
    if (captured.readError !== null) return keepUnread(captured.readError);
    if (captured.content.sha256?.equals(sha256)) return record;
    const changed = howChanged(captured, stat, ctimeOf(record, context));
    const [code, message] = changed === null ? ['silent-change', silentChange] : ['changed', changed];
    context.warn(code, tree.name, relative.toString('latin1'), message);
    return { ...record, content: captured.content };
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (typeof errno !== 'number') throw error;
    stopWhereExhausted(errno);
    return keepUnread(systemCode(error) ?? 'an error');
  } finally {
    closeFd(fd);
  }
}

const nothingElse = { xattrs: [], content: null, target: null, rdevMajor: 0, rdevMinor: 0 };

/**
 * Directories, as the last members of the archive, each after all that lies below it: a tar that makes an
 * empty directory changes the time of the directory above, and some set that only once.
 */
export function writeDirectories(pages: readonly FinishedPage[], context: LinkContext): void {
  for (const page of [...pages].reverse()) writePageOfDirectories(page, context);
}

function writePageOfDirectories(page: FinishedPage, context: LinkContext): void {
  for (const entry of [...entriesOf([page])].reverse()) {
    warnOfOmitted(entry, context.segments.writePlain(entry, '5', null), context);
  }
}

function warnOfChange(entry: Entry, message: string, context: LinkContext): void {
  const { name } = treeOf(entry, context.trees);
  context.warn('changed', name, entry.path.toString('latin1', name.length + 1), message);
}

function warnOfOmitted(entry: Entry, attributes: readonly string[], context: LinkContext): void {
  if (attributes.length === 0) return;
  const tree = treeOf(entry, context.trees);
  const path = entry.path.subarray(tree.name.length + 1).toString('latin1');
  const message = 'has more than 1 MiB of attributes; the tar lacks some, the index has all';
  context.warn('tar-xattrs-left-out', tree.name, path, message);
}
