/**
 * Entries with several names: the names of one file in the snapshot become the names of one file again.
 *
 * A live file that is right in everything is kept and the other names are linked to it; else a new one is made.
 * None is ever edited, since somebody may have given it a name elsewhere.
 *
 * Names may lie in several trees. No link reaches from one mount to another, so that trees that are written through
 * different ones have a file each, unless those they are looked at in are one file already.
 *
 * Where only some names are restored, the one the snapshot keeps the content under is looked at too, and never changed.
 */

import { type Content, dataBytes, type Entry } from '../../archive/entry.ts';
import type { FinishedPage } from '../../archive/pages.ts';
import { closeFd, O, openAt, Stat, statAt, statFd } from '../../filesystem/native.ts';
import { shown } from '../../filesystem/path-text.ts';
import { lastName } from '../../filesystem/write-entry.ts';
import { entriesOf } from '../restore/kept-pages.ts';
import type { Decider, Usage } from './decide.ts';
import { isInode } from './identity.ts';
import { isWhiteout } from './layer.ts';
import { contentOf, deviceOf, type LinkRecordOptions, nameElsewhere } from './link-records.ts';
import type { LiveTree } from './live-tree.ts';
import { unwritable } from './obstacles.ts';
import type { OtherNames } from './other-names.ts';
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

export type Inode = Pick<Stat, 'inode' | 'deviceMajor' | 'deviceMinor'>;

export interface Base {
  readonly tree: LiveTree;
  readonly path: Buffer;
  /** Where the tree is looked at; null until it is made. */
  readonly looked: Inode | null;
  /** Where the tree is written; null where it was not made by this run. */
  readonly made: Inode | null;
}

export interface LinkGroupOptions extends LinkRecordOptions {
  /** Linked entries in order; read twice. */
  readonly pages: readonly FinishedPage[];
  readonly others: OtherNames;
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

interface Place {
  readonly group: string;
  /** Number of the mount through which the name is written, in the order of the entries. */
  readonly mount: number;
}

const keyOf = ({ group, mount }: Place): string => `${group}@${mount}`;

/** By group and mount, see `Place`. */
class Bases {
  readonly #options: LinkGroupOptions;
  readonly #bases = new Map<string, Base>();
  readonly #mounts: string[] = [];

  constructor(options: LinkGroupOptions) {
    this.#options = options;
  }

  placeOf(entry: Entry, tree: LiveTree): Place {
    const { mountId } = tree.write;
    let mount = this.#mounts.indexOf(mountId);
    if (mount < 0) mount = this.#mounts.push(mountId) - 1;
    return { group: `${deviceOf(entry, this.#options)}:${entry.inode}`, mount };
  }

  get = (place: Place): Base | undefined => this.#bases.get(keyOf(place));
  set = (place: Place, base: Base): unknown => this.#bases.set(keyOf(place), base);
  delete = (place: Place): unknown => this.#bases.delete(keyOf(place));

  /** Of the same group, on a mount whose entries come before. */
  before({ group, mount }: Place): Base | undefined {
    for (let other = 0; other < mount; other++) {
      const base = this.get({ group, mount: other });
      if (base !== undefined) return base;
    }
    return undefined;
  }

  /** @throws TARGET_UNWRITABLE it could not be made */
  madeAt(place: Place): Base {
    const base = this.get(place);
    if (base === undefined || base.looked === null) throw unwritable('its first name could not be restored');
    return base;
  }
}

/** For each group the first name whose live file is right, each file for one group at most. */
async function findBases(options: LinkGroupOptions): Promise<Bases> {
  const bases = new Bases(options);
  const claimed = new Map<string, string>();
  for await (const entry of entriesOf(options.pages, 'forwards')) {
    if (bases.get(bases.placeOf(entry, options.treeOf(entry.path))) !== undefined) continue;
    const content = await contentOf(entry, options);
    if (content === undefined) continue;
    const elsewhere = await nameElsewhere(entry, options);
    for (const name of elsewhere === null ? [entry] : [elsewhere, entry]) claim(name, content);
  }
  return bases;

  function claim(entry: Entry, content: Content | null): void {
    const tree = options.treeOf(entry.path);
    const place = bases.placeOf(entry, tree);
    if (bases.get(place) !== undefined) return;
    const looked = rightInode(entry, tree, content, options);
    if (looked === null) return;
    const inode = `${looked.deviceMajor}:${looked.deviceMinor}:${looked.inode}`;
    if ((claimed.get(inode) ?? place.group) !== place.group) return;
    claimed.set(inode, place.group);
    bases.set(place, { tree, path: entry.path, looked, made: null });
  }
}

function rightInode(
  entry: Entry,
  tree: LiveTree,
  content: Content | null,
  { decider }: LinkGroupOptions,
): Inode | null {
  try {
    const parent = tree.look.parentOf(tree.relative(entry.path));
    const fd = parent === null ? -1 : openAt(parent, lastName(entry.path), O.PATH | O.NOFOLLOW);
    if (fd < 0) return null;
    try {
      statFd(fd, stat);
      return decider.comparer.isWanted(tree, entry, content, fd, stat) ? inodeOf(stat) : null;
    } finally {
      closeFd(fd);
    }
  } catch {
    return null; // its own step will say why
  }
}

async function stepFor(entry: Entry, bases: Bases, options: LinkGroupOptions): Promise<LinkStep | null> {
  const tree = options.treeOf(entry.path);
  const live = options.decider.liveName(tree, entry);
  const none = { entry, tree, bytes: 0, freed: null };
  // Through a mount there is no linking of whiteouts: each hides its own name.
  if (tree.layered && isWhiteout(entry)) {
    const { action } = options.decider.decide(tree, entry);
    return { ...none, action, apply: async (writer) => void (await writer.put(tree, entry, null)) };
  }
  const place = bases.placeOf(entry, tree);
  const base = bases.get(place);
  if (base !== undefined) {
    if (base.path.equals(entry.path)) warnOfCopy(entry, base, bases.before(place), options);
    const right = live !== null && base.looked !== null && isInode(live, base.looked);
    if (right) return { ...none, action: null, apply: async () => {} };
    options.decider.checkPlace(tree, entry, live);
    const freed = live === null ? null : options.decider.loses(live);
    return {
      ...none,
      freed,
      action: 'link',
      apply: async (writer) => writer.link(tree, entry, bases.madeAt(place)),
    };
  }
  const content = await contentOf(entry, options);
  if (content === undefined) {
    options.warn('unreadable', entry.path, 'could not be read when it was backed up; it stays as it is');
    return null;
  }
  options.decider.checkPlace(tree, entry, live);
  const toMake: Base = { tree, path: entry.path, looked: null, made: null };
  warnOfCopy(entry, toMake, bases.before(place), options);
  await warnOfOther(entry, options);
  bases.set(place, toMake);
  return {
    entry,
    tree,
    action: live === null ? 'create' : 'replace',
    bytes: dataBytes(content),
    freed: live === null ? null : options.decider.loses(live),
    async apply(writer) {
      bases.delete(place);
      const made = await writer.put(tree, entry, content);
      const parent = tree.look.parentOf(tree.relative(entry.path));
      if (parent === null || statAt(parent, lastName(entry.path), stat) < 0)
        throw unwritable('was removed meanwhile');
      bases.set(place, { tree, path: entry.path, looked: inodeOf(stat), made });
    },
  };
}

function warnOfCopy(entry: Entry, base: Base, before: Base | undefined, { warn }: LinkGroupOptions): void {
  if (before === undefined) return;
  const isOne = base.looked !== null && before.looked !== null && isInode(base.looked, before.looked);
  if (isOne) return;
  const message = `is one file with ${shown(before.path)} in the snapshot, and a copy of it here: no link reaches from one mount to another`;
  warn('link-lost', entry.path, message);
}

/** A name that is not restored: the one under which nothing right was found, or any other. */
async function warnOfOther(entry: Entry, options: LinkGroupOptions): Promise<void> {
  const recorded = await nameElsewhere(entry, options);
  const others = recorded === null ? await options.others.of(entry, options.treeOf) : [recorded];
  const other = others.find((one) => isThere(one, options));
  if (other === undefined) return;
  const message = `is one file with ${shown(other.path)} in the snapshot, which is another file now: restore that too`;
  options.warn('link-lost', entry.path, message);
}

function isThere(entry: Entry, { decider, treeOf }: LinkGroupOptions): boolean {
  try {
    return decider.liveName(treeOf(entry.path), entry) !== null;
  } catch {
    return false; // something else is mounted above it, which is nothing to this restore
  }
}

const inodeOf = ({ inode, deviceMajor, deviceMinor }: Inode): Inode => ({ inode, deviceMajor, deviceMinor });
