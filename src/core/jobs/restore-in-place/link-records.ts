/**
 * What the snapshot records of files with several names: their content, and one of their names.
 */

import { type Content, type Entry, fileType, typeOf } from '../../archive/entry.ts';
import type { IndexReader } from '../index-reader.ts';
import { isFatal } from '../restore/entry-restorer.ts';
import { treeName } from '../restore/paths-wanted.ts';
import { expectAbove, type LiveTree } from './live-tree.ts';

export interface LinkRecordOptions {
  readonly reader: IndexReader;
  readonly treeOf: (path: Buffer) => LiveTree;
  /** Whether a name is to be restored. */
  readonly isWanted: (path: Buffer) => boolean;
}

/** The number by which the snapshot tells file systems apart. */
export const deviceOf = (entry: Entry, { reader }: Pick<LinkRecordOptions, 'reader'>): number =>
  reader.root.trees.find(({ name }) => name === treeName(entry))?.device ?? 0;

/** Undefined where it was never read. */
export async function contentOf(
  entry: Entry,
  options: Pick<LinkRecordOptions, 'reader'>,
): Promise<Content | null | undefined> {
  if (typeOf(entry) !== fileType.regular) return null;
  return (await options.reader.linkRecord(deviceOf(entry, options), entry.inode))?.content;
}

/**
 * Of a regular file, the name that its content was stored under. Null where that is to be restored too, is none of its
 * names any more, or is in a tree that the account does not have now.
 */
export async function nameElsewhere(entry: Entry, options: LinkRecordOptions): Promise<Entry | null> {
  const { reader, isWanted, treeOf } = options;
  if (typeOf(entry) !== fileType.regular) return null;
  const record = await reader.linkRecord(deviceOf(entry, options), entry.inode);
  if (record === null || isWanted(record.path)) return null;
  const other = await reader.lookup(record.path);
  const isOne = other?.inode === entry.inode && deviceOf(other, options) === deviceOf(entry, options);
  if (!isOne || typeOf(other) !== fileType.regular) return null;
  try {
    await expectAbove(other.path, reader, treeOf);
    return other;
  } catch (error) {
    if (isFatal(error)) throw error;
    return null;
  }
}
