/**
 * One pass over everything a restore in place is about: to plan it, to list it, or to do it.
 *
 * Order: what is too much, files and directories, names of linked files, metadata of directories. Passes differ only
 * in whether decisions are carried out.
 */

import { type Entry, fileType, isWithin, typeOf } from '../../archive/entry.ts';
import { readPage } from '../../archive/page-reader.ts';
import type { FinishedPage } from '../../archive/pages.ts';
import { systemXattrs } from '../../filesystem/xattrs.ts';
import { isFatal } from '../restore/entry-restorer.ts';
import { entriesOf, KeptEntries } from '../restore/kept-pages.ts';
import { treeName } from '../restore/paths-wanted.ts';
import { bytesOf, Decider, type Decision, isLinked } from './decide.ts';
import { Failures } from './failures.ts';
import { type LinkStep, linkSteps } from './link-groups.ts';
import type { LiveTree } from './live-tree.ts';
import { expectAbove } from './live-tree.ts';
import { unwritable } from './obstacles.ts';
import type { PassOptions } from './pass-options.ts';
import type { Removal } from './remove.ts';
import { SpaceLedger } from './space.ts';
import { Subtrees } from './subtrees.ts';
import { type SweepOptions, sweep, sweepLeftovers } from './sweep.ts';
import { Writer } from './writer.ts';

const uncovered = 'it cannot be uncovered through the mount';

export class Pass {
  readonly ledger = new SpaceLedger();
  /** Some sizes in the ledger are upper bounds. */
  unsure = false;
  readonly #options: PassOptions;
  readonly #decider: Decider;
  /** Decides again what was decided, and does not warn again. */
  readonly #silent: Decider;
  readonly #writer: Writer;
  readonly #directories = new KeptEntries();
  readonly #linked = new KeptEntries();
  /** Not there yet, so that nothing below is either. */
  readonly #missing = new Subtrees();
  readonly #failures: Failures;
  readonly #blocked = new Set<string>();
  /** Directories whose time was right until the sweep took something out. */
  readonly #timeLost = new Set<string>();

  constructor(options: PassOptions) {
    this.#options = options;
    const { outlet } = options;
    const warn = options.apply ? outlet.warn : () => {};
    this.#failures = new Failures(this.#treeOf, outlet);
    this.#decider = new Decider({ ...options, xattrs: systemXattrs, warn: outlet.warn });
    this.#silent = new Decider({ ...options, xattrs: systemXattrs, warn: () => {} });
    this.#writer = new Writer({ ...options, xattrs: systemXattrs, warn, removal: this.#removal() });
  }

  /** @throws what stops the whole run, such as a full file system */
  async run(): Promise<void> {
    const { within, reader, apply } = this.#options;
    for (const path of within) await expectAbove(path, reader, this.#treeOf);
    await this.#sweep();
    for (const path of within) await this.#ancestors(path);
    const rows = [...new Set(within.flatMap((path) => [...reader.pagesWithin(path)]))];
    for await (const { row, plain } of reader.pages(rows)) {
      await this.#page([...readPage(plain, row.digest)].filter(({ path }) => this.#isWanted(path)));
    }
    const linked = this.#linked.end();
    await this.#links(linked);
    const directories = this.#directories.end();
    if (!apply) return;
    for await (const entry of entriesOf(directories, 'backwards')) {
      this.#options.checkStop();
      await this.#failures.guard(entry, () => this.#finish(entry));
    }
  }

  #isWanted = (path: Buffer): boolean => this.#options.within.some((one) => isWithin(path, one));

  #treeOf = (path: Buffer): LiveTree => {
    const tree = this.#options.trees.get(treeName({ path }));
    if (tree === undefined) throw unwritable('the account has no such tree now');
    return tree;
  };

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
      try {
        if (end > 0) sweepLeftovers(this.#treeOf(path), path.subarray(0, end), options);
        await sweep(reader.entries(path), options);
      } catch (error) {
        if (isFatal(error)) throw error;
        this.#options.outlet.failed(path, (error as Error).message);
      }
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
      keptLayer: (path) => outlet.warn('layer-kept', path, `a lower layer has it too, and ${uncovered}`),
    };
  }

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
        this.#failures.lost.add(path);
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
      if (this.#failures.isLost(entry)) continue;
      if (isLinked(entry)) this.#linked.add(entry);
      else await this.#failures.guard(entry, () => void decisions.push(this.#decide(entry)));
    }
    if (!apply) return;
    frames.expect(
      frames.needed(
        decisions.filter(({ entry, action }) => bytesOf(entry, action) > 0).map(({ entry }) => entry),
      ),
    );
    for (const decision of decisions) {
      this.#options.checkStop();
      await this.#carryOut(decision);
    }
    this.#decider.settled();
    this.#silent.settled();
  }

  #decide(entry: Entry): Decision {
    const tree = this.#treeOf(entry.path);
    if (this.#blocked.has(entry.path.toString('latin1'))) {
      throw unwritable('the directory in its place holds something that stays');
    }
    const decision = this.#missing.cover(entry.path)
      ? this.#decider.absent(tree, entry)
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

  async #carryOut(decision: Decision): Promise<void> {
    const { entry } = decision;
    if (this.#failures.isLost(entry)) return;
    const { outlet } = this.#options;
    await this.#failures.guard(entry, async () => {
      const tree = this.#treeOf(entry.path);
      // The inode has lost another name since, by which nothing can tell it from one that was changed.
      const { action, seen } = decision.seen === null ? this.#silent.decide(tree, entry) : decision;
      if (action === null) return outlet.untouched();
      if (typeOf(entry) === fileType.directory) {
        if (action !== 'metadata') this.#writer.directory(tree, entry);
        this.#writer.hideLower(tree, entry);
      } else if (action === 'metadata') this.#writer.describe(tree, entry, seen!);
      else await this.#writer.put(tree, entry, entry.content);
      outlet.action(action, entry.path, bytesOf(entry, action));
    });
  }

  async #links(pages: readonly FinishedPage[]): Promise<void> {
    const { outlet, apply, checkStop } = this.#options;
    for await (const { entry, action, bytes, freed, apply: carryOut } of this.#linkSteps(pages)) {
      checkStop();
      if (this.#failures.isLost(entry)) continue;
      if (action === null) outlet.untouched();
      else if (apply) {
        await this.#failures.guard(entry, async () => {
          await carryOut(this.#writer);
          outlet.action(action, entry.path, bytes);
        });
      } else {
        if (action !== 'link') this.ledger.takes(entry, bytes);
        this.ledger.gives(freed);
        outlet.action(action, entry.path, bytes);
      }
    }
  }

  #linkSteps(pages: readonly FinishedPage[]): AsyncIterable<LinkStep> {
    return linkSteps({
      reader: this.#options.reader,
      pages,
      treeOf: this.#treeOf,
      isWanted: this.#isWanted,
      others: this.#options.others,
      decider: this.#decider,
      failed: (entry, error) => this.#failures.add(entry, error),
      warn: this.#options.outlet.warn,
    });
  }

  #finish(entry: Entry): void {
    if (this.#failures.lost.cover(entry.path)) return;
    const tree = this.#treeOf(entry.path);
    if (this.#silent.decide(tree, entry).action !== null) this.#writer.finish(tree, entry);
  }
}
