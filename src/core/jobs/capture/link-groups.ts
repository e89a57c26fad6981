/**
 * Names of linked files in groups, one for each inode, and how a name is reached again.
 *
 * An inode's number may go to another file while the account is read: its first file is removed after the walk met
 * it, a new one gets the number, and the walk meets that. Both would pass for one file. But a name of the first was met
 * before the second was born, so that its ctime is older.
 */

import { type Entry, fileType } from '../../archive/entry.ts';
import { decompressPart, readPage } from '../../archive/page-reader.ts';
import type { FinishedPage } from '../../archive/pages.ts';
import { type HoldfastError, isHoldfastError } from '../../errors.ts';
import { openPatiently } from '../../filesystem/exhaustion.ts';
import { closeFd, errno, O, Stat, statFd } from '../../filesystem/native.ts';
import { PathsInOrder } from '../../filesystem/open-below.ts';
import { type KeptLinks, linkKey } from './link-records.ts';
import type { CaptureTree } from './messages.ts';

export interface Group {
  readonly tree: CaptureTree;
  readonly firstPath: string;
  /** Name under which the tar holds it; null until its content is there. */
  primary: Buffer | null;
  /** The disk does not give its content back, under whatever name. */
  unreadable: boolean;
  /** What warnings say of its content where it changed meanwhile; null where it did not. */
  changed: string | null;
  /** Where the file came to be while the account was read; null for all others. */
  bornAtMs: number | null;
  /** Names that were another file's when the walk met them. */
  readonly strangers: Set<string>;
}

export type Groups = ReadonlyMap<string, Group>;

/** As `openRoot`, for any tree of the account. */
export type RootOpener = (tree: CaptureTree, stat: Stat) => number;

/** Opens linked files, of which those in path order share the way from the root of their tree. */
export class LinkedFiles {
  /** Trees of which the root is not what the walk had, and why: none of their files can be opened. */
  readonly lost = new Map<CaptureTree, HoldfastError>();
  readonly #openRoot: RootOpener;
  readonly #rootStat = new Stat();
  #tree: CaptureTree | null = null;
  #root = -1;
  #paths = new PathsInOrder(-1);

  constructor(openRoot: RootOpener) {
    this.#openRoot = openRoot;
  }

  /** @returns a descriptor, or a negated errno @throws RUN_FAILED descriptors or memory ran out */
  open(tree: CaptureTree, relative: Buffer): number {
    const flags = O.NOFOLLOW | O.NONBLOCK;
    const fd = openPatiently(() => this.#open(tree, relative, flags | O.NOATIME));
    // Only owner and root may leave the time of access as it is.
    return fd === -errno.EPERM ? openPatiently(() => this.#open(tree, relative, flags)) : fd;
  }

  #open(tree: CaptureTree, relative: Buffer, flags: number): number {
    if (tree !== this.#tree) this.#enter(tree);
    return this.lost.has(tree) ? -errno.ENOENT : this.#paths.open(relative, flags);
  }

  #enter(tree: CaptureTree): void {
    this.close();
    if (this.lost.has(tree)) return;
    try {
      this.#root = this.#openRoot(tree, this.#rootStat);
      this.#tree = tree;
      this.#paths = new PathsInOrder(this.#root);
    } catch (error) {
      if (!isHoldfastError(error) || error.code !== 'TREE_UNREADABLE') throw error;
      this.lost.set(tree, error);
    }
  }

  /** True where a name just opened is the regular file with this inode's number in its tree. Fills `stat`. */
  isStill(fd: number, inode: bigint, stat: Stat): boolean {
    if (statFd(fd, stat) < 0) return false;
    const isFile = (stat.mode & fileType.mask) === fileType.regular;
    return isFile && stat.inode === inode && stat.isOnDevice(this.#rootStat);
  }

  /** May be called again. */
  close(): void {
    this.#paths.close();
    if (this.#root >= 0) closeFd(this.#root);
    this.#root = -1;
    this.#tree = null;
  }
}

/**
 * Finds the names that belong to an earlier file with the number of a newborn one: they were met before it came to be.
 *
 * @param kept a newborn file is none of those
 * @returns keys of the groups in which two files met
 */
export function findStrangers(
  groups: Groups,
  pages: readonly FinishedPage[],
  trees: readonly CaptureTree[],
  kept: KeptLinks,
): ReadonlySet<string> {
  const newborn = [...groups].filter(([, { bornAtMs }]) => bornAtMs !== null);
  const mixed = new Set(newborn.map(([key]) => key).filter((key) => kept.has(key)));
  if (newborn.length === 0) return mixed;
  for (const entry of entriesOf(pages)) {
    const key = keyOf(entry, treeOf(entry, trees));
    const group = groups.get(key);
    const changedAtMs = entry.ctimeSeconds * 1000 + entry.ctimeNanoseconds / 1e6;
    if (group === undefined || group.bornAtMs === null || changedAtMs >= group.bornAtMs) continue;
    group.strangers.add(entry.path.toString('latin1'));
    mixed.add(key);
  }
  return mixed;
}

export function* entriesOf(pages: readonly FinishedPage[]): Generator<Entry> {
  for (const page of pages) {
    yield* readPage(decompressPart(Buffer.from(page.frame), page.plainBytes, 'a page in memory'), null);
  }
}

export function treeOf(entry: Entry, trees: readonly CaptureTree[]): CaptureTree {
  const end = entry.path.indexOf(0x2f);
  const name = entry.path.toString('latin1', 0, end < 0 ? entry.path.length : end);
  return trees.find((tree) => tree.name === name)!;
}

export const keyOf = (entry: Entry, tree: CaptureTree): string =>
  linkKey({ device: tree.device, inode: entry.inode });

export function groupOf(groups: Map<string, Group>, entry: Entry, tree: CaptureTree): Group {
  const key = keyOf(entry, tree);
  let group = groups.get(key);
  if (group === undefined) {
    group = {
      tree,
      firstPath: entry.path.subarray(tree.name.length + 1).toString('latin1'),
      primary: null,
      unreadable: false,
      changed: null,
      bornAtMs: null,
      strangers: new Set(),
    };
    groups.set(key, group);
  }
  return group;
}
