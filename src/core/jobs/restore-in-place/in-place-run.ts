/**
 * One pass over everything a restore in place is about: to plan it, to list it, or to do it.
 *
 * Order: what is too much, files and directories, names of linked files, metadata of directories. The passes
 * differ in nothing but whether decisions are carried out.
 */

import { type Entry, fileType, isWithin, typeOf } from '../../archive/entry.ts';
import { readPage } from '../../archive/page-reader.ts';
import type { FinishedPage } from '../../archive/pages.ts';
import { systemXattrs } from '../../filesystem/xattrs.ts';
import type { IndexReader } from '../index-reader.ts';
import { isFatal } from '../restore/entry-restorer.ts';
import type { Frames } from '../restore/frames.ts';
import { entriesOf, KeptEntries } from '../restore/kept-pages.ts';
import { treeName } from '../restore/paths-wanted.ts';
import { bytesOf, Decider, type Decision, isLinked } from './decide.ts';
import { linkSteps } from './link-groups.ts';
import { type LiveTree, unwritable } from './live-tree.ts';
import type { Removal } from './remove.ts';
import { SpaceLedger } from './space.ts';
import { type SweepOptions, sweep, sweepLeftovers } from './sweep.ts';
import type { InPlaceAction } from './types.ts';
import { Writer } from './writer.ts';

export interface PassOutlet {
  action(action: InPlaceAction, path: Buffer, bytes: number): void;
  untouched(): void;
  failed(path: Buffer, message: string): void;
  warn(code: string, path: Buffer, message: string): void;
}

export interface PassOptions {
  readonly reader: IndexReader;
  readonly frames: Frames;
  readonly trees: ReadonlyMap<string, LiveTree>;
  /** Raw paths, none within another, in order; an empty one for everything. */
  readonly within: readonly Buffer[];
  readonly delete: boolean;
  readonly compareContents: 'when-times-differ' | 'always';
  /** False: decide only. */
  readonly apply: boolean;
  /** False: take for different what would have to be hashed. */
  readonly hash: boolean;
  readonly keeps: (path: Buffer) => boolean;
  readonly newId: () => string;
  readonly outlet: PassOutlet;
  readonly checkStop: () => void;
}

export class Pass {
  readonly ledger = new SpaceLedger();
  /** Some sizes in the ledger are upper bounds. */
  unsure = false;
  readonly #options: PassOptions;
  readonly #decider: Decider;
  readonly #writer: Writer;
  readonly #directories = new KeptEntries();
  readonly #linked = new KeptEntries();
  /** Not there yet, so that nothing below is either; with directories that cannot be made. */
  readonly #missing = new Subtrees();
  readonly #lost = new Subtrees();
  readonly #blocked = new Set<string>();
  /** Directories whose time was right until the sweep took something out. */
  readonly #timeLost = new Set<string>();

  constructor(options: PassOptions) {
    this.#options = options;
    const { outlet } = options;
    const warn = options.apply ? outlet.warn : () => {};
    this.#decider = new Decider({ ...options, xattrs: systemXattrs, warn: outlet.warn });
    this.#writer = new Writer({ ...options, xattrs: systemXattrs, warn, removal: this.#removal() });
  }

  /** @throws what stops the whole run, such as a full file system */
  async run(): Promise<void> {
    const { within, reader, apply } = this.#options;
    await this.#sweep();
    for (const path of within) await this.#ancestors(path);
    const rows = [...new Set(within.flatMap((path) => [...reader.pagesWithin(path)]))];
    for await (const { row, plain } of reader.pages(rows)) {
      await this.#page([...readPage(plain, row.digest)].filter((entry) => this.#isWanted(entry)));
    }
    const linked = this.#linked.end();
    await this.#links(linked);
    const directories = this.#directories.end();
    if (!apply) return;
    for await (const entry of entriesOf(directories, 'backwards')) {
      this.#options.checkStop();
      this.#guard(entry, () => this.#finish(entry));
    }
  }

  #isWanted(entry: Entry): boolean {
    return this.#options.within.some((path) => isWithin(entry.path, path));
  }

  #treeOf = (path: Buffer): LiveTree => {
    const tree = this.#options.trees.get(treeName({ path }));
    if (tree === undefined) throw unwritable('the account has no such tree now');
    return tree;
  };

  // -- what is too much

  async #sweep(): Promise<void> {
    const { within, reader } = this.#options;
    const options: SweepOptions = {
      ...this.#removal(),
      delete: this.#options.delete,
      treeOf: this.#treeOf,
      blocked: (path) => this.#blocked.add(path.toString('latin1')),
      timeLost: (path) => this.#timeLost.add(path.toString('latin1')),
    };
    for (const path of within) {
      const end = path.lastIndexOf(0x2f);
      if (end > 0) sweepLeftovers(this.#treeOf(path), path.subarray(0, end), options);
      await sweep(reader.entries(path), options);
    }
  }

  #removal(): Omit<Removal, 'tree' | 'why'> {
    const { apply, keeps, outlet, checkStop } = this.#options;
    return {
      apply,
      keeps,
      checkStop,
      removed: (path, stat) => {
        outlet.action('delete', path, 0);
        if (!apply) this.ledger.gives(this.#decider.loses(stat));
      },
      refused: (path, message) => outlet.failed(path, message),
      keptLayer: (path) =>
        outlet.warn(
          'layer-kept',
          path,
          'a lower layer has it too, and it cannot be uncovered through the mount',
        ),
    };
  }

  // -- directories, and files with one name

  /** Directories above a path that is restored alone: made where they are missing, else left as they are. */
  async #ancestors(path: Buffer): Promise<void> {
    const { reader } = this.#options;
    for (let end = path.indexOf(0x2f, path.indexOf(0x2f) + 1); end > 0; end = path.indexOf(0x2f, end + 1)) {
      const above = path.subarray(0, end);
      const tree = this.#treeOf(path);
      if (!this.#missing.cover(above) && tree.look.directory(tree.relative(above)) !== null) continue;
      const entry = await reader.lookup(above);
      if (entry === null) return;
      const live = this.#missing.cover(above) ? null : this.#decider.liveName(tree, entry);
      if (live !== null) {
        this.#options.outlet.failed(path, 'a directory above it is none now; restore that one');
        this.#lost.add(path);
        return;
      }
      await this.#page([entry]);
    }
  }

  async #page(entries: readonly Entry[]): Promise<void> {
    const { frames, apply } = this.#options;
    const decisions: Decision[] = [];
    for (const entry of entries) {
      this.#options.checkStop();
      if (this.#lost.cover(entry.path)) continue;
      if (isLinked(entry)) this.#linked.add(entry);
      else this.#guard(entry, () => decisions.push(this.#decide(entry)));
    }
    if (!apply) return;
    frames.expect(frames.needed(decisions.filter(writes).map(({ entry }) => entry)));
    for (const decision of decisions) {
      this.#options.checkStop();
      await this.#carryOut(decision);
    }
    this.#decider.settled();
  }

  #decide(entry: Entry): Decision {
    const tree = this.#treeOf(entry.path);
    if (this.#blocked.has(entry.path.toString('latin1'))) {
      throw unwritable('the directory in its place holds something that stays');
    }
    const decision = this.#missing.cover(entry.path)
      ? this.#decider.absent(entry)
      : this.#decider.decide(tree, entry, { timeIsOurs: this.#timeLost.has(entry.path.toString('latin1')) });
    const isDirectory = typeOf(entry) === fileType.directory;
    if (isDirectory) {
      this.#directories.add(entry);
      if (decision.action === 'create' || decision.action === 'replace') this.#missing.add(entry.path);
    }
    if (!this.#options.apply) this.#foresee(decision);
    return decision;
  }

  /** Of a decision that is not carried out. */
  #foresee({ entry, action, freed, unsure }: Decision): void {
    const { outlet } = this.#options;
    const bytes = bytesOf(entry, action);
    if (action === null) outlet.untouched();
    else {
      outlet.action(action, entry.path, bytes);
      if (action !== 'metadata') this.ledger.takes(entry, bytes);
    }
    if (action === 'metadata' && freed !== null) this.ledger.moves(freed, entry);
    else this.ledger.gives(freed);
    this.unsure ||= unsure;
  }

  async #carryOut({ entry, action }: Decision): Promise<void> {
    const { outlet } = this.#options;
    if (this.#lost.cover(entry.path)) return;
    if (action === null) {
      outlet.untouched();
      return;
    }
    const tree = this.#treeOf(entry.path);
    const isDirectory = typeOf(entry) === fileType.directory;
    await this.#guardAsync(entry, async () => {
      if (isDirectory) {
        if (action !== 'metadata') this.#writer.directory(tree, entry);
        this.#writer.hideLower(tree, entry);
      } else if (action === 'metadata') this.#writer.describe(tree, entry);
      else await this.#writer.put(tree, entry, entry.content);
      outlet.action(action, entry.path, bytesOf(entry, action));
    });
  }

  // -- names of linked files

  async #links(pages: readonly FinishedPage[]): Promise<void> {
    const { reader, outlet, apply, checkStop } = this.#options;
    const devices = new Map(reader.root.trees.map((tree) => [tree.name, tree.device]));
    const steps = linkSteps({
      entries: () => entriesOf(pages, 'forwards'),
      treeOf: this.#treeOf,
      deviceOf: (entry) => devices.get(treeName(entry)) ?? 0,
      recordOf: (device, inode) => reader.linkRecord(device, inode),
      decider: this.#decider,
      failed: (entry, error) => this.#fail(entry, error),
      unreadable: (entry) =>
        outlet.warn(
          'unreadable',
          entry.path,
          'its content could not be read when it was backed up; it stays as it is',
        ),
    });
    for await (const { entry, action, bytes, freed, apply: carryOut } of steps) {
      checkStop();
      if (this.#lost.cover(entry.path)) continue;
      if (action === null) {
        outlet.untouched();
        continue;
      }
      if (!apply) {
        if (action !== 'link') this.ledger.takes(entry, bytes);
        this.ledger.gives(freed);
        outlet.action(action, entry.path, bytes);
        continue;
      }
      await this.#guardAsync(entry, async () => {
        await carryOut(this.#writer);
        outlet.action(action, entry.path, bytes);
      });
    }
  }

  // -- metadata of directories

  #finish(entry: Entry): void {
    if (this.#lost.cover(entry.path)) return;
    const tree = this.#treeOf(entry.path);
    const { action } = this.#decider.decide(tree, entry);
    if (action !== null) this.#writer.finish(tree, entry);
  }

  // -- failures

  #guard(entry: Entry, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(entry, error);
    }
  }

  async #guardAsync(entry: Entry, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.#fail(entry, error);
    }
  }

  #fail(entry: Entry, error: unknown): void {
    if (isFatal(error)) throw error;
    this.#options.outlet.failed(entry.path, (error as Error).message);
    if (typeOf(entry) === fileType.directory && !this.#isThere(entry)) this.#lost.add(entry.path);
  }

  /** A directory that cannot be changed itself may still hold what can. */
  #isThere({ path }: Entry): boolean {
    try {
      const tree = this.#treeOf(path);
      return tree.look.directory(tree.relative(path)) !== null;
    } catch {
      return false;
    }
  }
}

const writes = ({ entry, action }: Decision): boolean => bytesOf(entry, action) > 0;

/** Paths that stand for all below them. */
class Subtrees {
  readonly #roots = new Set<string>();

  add(path: Buffer): void {
    if (!this.cover(path)) this.#roots.add(path.toString('latin1'));
  }

  cover(path: Buffer): boolean {
    if (this.#roots.size === 0) return false;
    const text = path.toString('latin1');
    for (let end = text.indexOf('/'); end > 0; end = text.indexOf('/', end + 1)) {
      if (this.#roots.has(text.slice(0, end))) return true;
    }
    return this.#roots.has(text);
  }
}
