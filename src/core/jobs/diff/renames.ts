/**
 * Which of the removed entries are the added ones under another name.
 *
 * First by inode and content in the same tree; then by content alone, where exactly one removed and one
 * added file have it. What is ambiguous stays removed and added.
 */

import { type Content, type Entry, fileType, typeOf } from '../../archive/entry.ts';
import { treeOf } from './compare-entries.ts';

export interface Candidate {
  readonly entry: Entry;
  readonly content: Content | null;
}

/** Without its extents, and copied: an entry's bytes are views that keep a whole page in memory. */
export function candidate(entry: Entry, content: Content | null): Candidate {
  const copy = (bytes: Buffer): Buffer => Buffer.from(bytes);
  const target = entry.target === null ? null : copy(entry.target);
  const xattrs = entry.xattrs.map(({ name, value }) => ({ name: copy(name), value: copy(value) }));
  const sha256 = content?.sha256 == null ? null : copy(content.sha256);
  return {
    entry: { ...entry, target, xattrs, content: null },
    content: content === null ? null : { size: content.size, sha256, extents: [] },
  };
}

/** By the added one, what it was before. */
export function findRenames(
  removed: readonly Candidate[],
  added: readonly Candidate[],
): ReadonlyMap<Candidate, Candidate> {
  const found = new Map<Candidate, Candidate>();
  const taken = new Set<Candidate>();
  const pair = (before: Candidate, after: Candidate): void => {
    found.set(after, before);
    taken.add(before);
  };
  const sameFile = Map.groupBy(removed, fileKey);
  for (const one of added) {
    // Names of one file all fit each other; paired in path order.
    const before = sameFile.get(fileKey(one))?.shift();
    if (before !== undefined) pair(before, one);
  }
  const [left, right] = [
    Map.groupBy(
      removed.filter((one) => !taken.has(one)),
      contentKey,
    ),
    Map.groupBy(
      added.filter((one) => !found.has(one)),
      contentKey,
    ),
  ];
  for (const [key, after] of right) {
    const before = left.get(key);
    if (key !== null && before?.length === 1 && after.length === 1) pair(before[0]!, after[0]!);
  }
  return found;
}

/** An inode is used again once its file is gone, so something of what it holds must be the same too. */
function fileKey({ entry, content }: Candidate): string {
  const { path, inode, target, mtimeSeconds, mtimeNanoseconds } = entry;
  const holds = content?.sha256 ?? target;
  const held = holds?.toString('latin1') ?? `${mtimeSeconds}.${mtimeNanoseconds}`;
  return `${treeOf(path)}/${inode}/${typeOf(entry)}/${content?.size ?? 0}/${held}`;
}

function contentKey({ entry, content }: Candidate): string | null {
  const sha256 = typeOf(entry) === fileType.regular ? content?.sha256 : null;
  return sha256 == null ? null : `${content!.size}/${sha256.toString('latin1')}`;
}
