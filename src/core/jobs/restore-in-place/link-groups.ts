/**
 * Entries with several names: the names of one file in the snapshot become the names of one file again.
 *
 * A live file that is right in everything is kept and the other names are linked to it; else a new one is made.
 * None is ever edited, since somebody may have given it a name elsewhere.
 */

import { type Content, dataBytes, type Entry, fileType, typeOf } from '../../archive/entry.ts';
import type { FinishedPage } from '../../archive/pages.ts';
import { closeFd, O, openAt, Stat, statAt, statFd } from '../../filesystem/native.ts';
import { lastName } from '../../filesystem/write-entry.ts';
import type { IndexReader } from '../index-reader.ts';
import { entriesOf } from '../restore/kept-pages.ts';
import { treeName } from '../restore/paths-wanted.ts';
import type { Decider, Usage } from './decide.ts';
import { isWhiteout } from './layer.ts';
import type { LiveTree } from './live-tree.ts';
import { unwritable } from './obstacles.ts';
import type { InPlaceAction } from './types.ts';

export interface LinkStep {
  readonly entry: Entry;
  readonly tree: LiveTree;
  readonly action: InPlaceAction | null;
  readonly bytes: number;
  readonly freed: Usage | null;
  /** Carries the step out. */
  readonly apply: (writer: LinkWriter) => Promise<void>;
}

export interface LinkWriter {
  put(tree: LiveTree, entry: Entry, content: Content | null): Promise<Inode | null>;
  link(tree: LiveTree, entry: Entry, base: Base): void;
}

/** Where a tree is written. */
export type Inode = Pick<Stat, 'inode' | 'deviceMajor' | 'deviceMinor'>;

export interface Base {
  readonly tree: LiveTree;
  readonly path: Buffer;
  /** Where the tree is looked at. */
  readonly inode: bigint;
  /** Null where it was not made by this run. */
  readonly made: Inode | null;
}

export interface LinkGroupOptions {
  readonly reader: IndexReader;
  /** Linked entries in order; read twice. */
  readonly pages: readonly FinishedPage[];
  readonly treeOf: (path: Buffer) => LiveTree;
  readonly decider: Decider;
  readonly failed: (entry: Entry, error: unknown) => void;
  readonly warn: (code: string, path: Buffer, message: string) => void;
}

const stat = new Stat();

export async function* linkSteps(options: LinkGroupOptions): AsyncGenerator<LinkStep> {
  const bases = await findBases(options);
  for await (const entry of entriesOf(options.pages, 'forwards')) {
    try {
      const step = await stepFor(entry, bases, options);
      if (step !== null) yield step;
    } catch (error) {
      options.failed(entry, error);
    }
  }
}

const deviceOf = (entry: Entry, { reader }: LinkGroupOptions): number =>
  reader.root.trees.find(({ name }) => name === treeName(entry))?.device ?? 0;

const keyOf = (entry: Entry, options: LinkGroupOptions): string =>
  `${deviceOf(entry, options)}:${entry.inode}`;

/** For each group the first name whose live file is right, each file for one group at most. */
async function findBases(options: LinkGroupOptions): Promise<Map<string, Base>> {
  const bases = new Map<string, Base>();
  const claimed = new Set<string>();
  for await (const entry of entriesOf(options.pages, 'forwards')) {
    const key = keyOf(entry, options);
    if (bases.has(key)) continue;
    const tree = options.treeOf(entry.path);
    const content = await contentOf(entry, options);
    const inode = content === undefined ? null : rightInode(entry, tree, content, options);
    const claim = `${tree.name}:${inode}`;
    if (inode === null || claimed.has(claim)) continue;
    claimed.add(claim);
    bases.set(key, { tree, path: entry.path, inode, made: null });
  }
  return bases;
}

/** Undefined where it was never read. */
async function contentOf(entry: Entry, options: LinkGroupOptions): Promise<Content | null | undefined> {
  if (typeOf(entry) !== fileType.regular) return null;
  return (await options.reader.linkRecord(deviceOf(entry, options), entry.inode))?.content;
}

function rightInode(
  entry: Entry,
  tree: LiveTree,
  content: Content | null,
  { decider }: LinkGroupOptions,
): bigint | null {
  try {
    const parent = tree.look.parentOf(tree.relative(entry.path));
    const fd = parent === null ? -1 : openAt(parent, lastName(entry.path), O.PATH | O.NOFOLLOW);
    if (fd < 0) return null;
    try {
      statFd(fd, stat);
      return decider.comparer.isWanted(tree, entry, content, fd, stat) ? stat.inode : null;
    } finally {
      closeFd(fd);
    }
  } catch {
    return null; // its own step will say why
  }
}

async function stepFor(
  entry: Entry,
  bases: Map<string, Base>,
  options: LinkGroupOptions,
): Promise<LinkStep | null> {
  const tree = options.treeOf(entry.path);
  const key = keyOf(entry, options);
  const base = bases.get(key);
  const live = options.decider.liveName(tree, entry);
  const none = { entry, tree, bytes: 0, freed: null };
  // Through a mount there is no linking of whiteouts: each hides its own name.
  if (tree.layered && isWhiteout(entry)) {
    const { action } = options.decider.decide(tree, entry);
    return { ...none, action, apply: async (writer) => void (await writer.put(tree, entry, null)) };
  }
  if (base !== undefined) {
    const right = base.tree === tree && live?.inode === base.inode;
    if (right) return { ...none, action: null, apply: async () => {} };
    options.decider.checkPlace(tree, entry, live);
    const freed = live === null ? null : options.decider.loses(live);
    return {
      ...none,
      freed,
      action: 'link',
      apply: async (writer) => writer.link(tree, entry, await madeAt(bases, key)),
    };
  }
  const content = await contentOf(entry, options);
  if (content === undefined) {
    options.warn('unreadable', entry.path, 'could not be read when it was backed up; it stays as it is');
    return null;
  }
  options.decider.checkPlace(tree, entry, live);
  // The inode becomes known when it is made.
  bases.set(key, { tree, path: entry.path, inode: -1n, made: null });
  return {
    entry,
    tree,
    action: live === null ? 'create' : 'replace',
    bytes: dataBytes(content),
    freed: live === null ? null : options.decider.loses(live),
    async apply(writer) {
      bases.delete(key);
      const made = await writer.put(tree, entry, content);
      const parent = tree.look.parentOf(tree.relative(entry.path));
      if (parent === null || statAt(parent, lastName(entry.path), stat) < 0)
        throw unwritable('was removed meanwhile');
      bases.set(key, { tree, path: entry.path, inode: stat.inode, made });
    },
  };
}

async function madeAt(bases: ReadonlyMap<string, Base>, key: string): Promise<Base> {
  const base = bases.get(key);
  if (base === undefined || base.inode < 0n) throw unwritable('its first name could not be restored');
  return base;
}
