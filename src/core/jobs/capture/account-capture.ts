/**
 * One worker's part in the capture of one account: its open segment, its pages, its warnings.
 *
 * Everything here is synchronous and speaks to the main thread only through `Outlet`.
 */

import { componentErrorOf } from '../../archive/components.ts';
import { eachRecord } from '../../archive/page-cursor.ts';
import { PageWriter } from '../../archive/pages.ts';
import { isHoldfastError } from '../../errors.ts';
import type { Stat } from '../../filesystem/native.ts';
import type { XattrBackend } from '../../filesystem/xattrs.ts';
import { noCounts } from './counts.ts';
import { DueFiles } from './due-files.ts';
import type { TreeContext } from './entry-log.ts';
import { writeFinalSegment } from './final-segment.ts';
import { jobControl, rootMark } from './job-control.ts';
import { KnownContents } from './known-contents.ts';
import { LatePages } from './late-pages.ts';
import type { LinkContext } from './link-capture.ts';
import { ctimeText } from './link-records.ts';
import { LinkedInodes } from './linked-inodes.ts';
import type {
  BeginCapture,
  CaptureCounts,
  CaptureParent,
  CaptureTree,
  FinishCapture,
  JobOutlet,
  PagePart,
  TreeFailure,
} from './messages.ts';
import { openRoot } from './open-root.ts';
import { ParentMerge } from './parent-merge.ts';
import { ParentPages } from './parent-pages.ts';
import { isInodeDue } from './reread.ts';
import { sealedSegment } from './sealed-segment.ts';
import { SegmentWriter } from './segment-writer.ts';
import { shownPath } from './shown-path.ts';
import { TreeCapture } from './tree-capture.ts';

export class AccountCapture {
  readonly #job: number;
  readonly #trees: readonly CaptureTree[];
  /** See `jobControl`. */
  readonly control: Int32Array;
  readonly #outlet: JobOutlet;
  readonly #xattrs: XattrBackend;
  readonly #now: () => number;
  readonly segments: SegmentWriter;
  readonly #pageBytes: number;
  readonly #late: LatePages;
  /** See `KeptLinks`. */
  readonly #keptLinks = new Map<string, string>();
  readonly #parent: CaptureParent | null;
  readonly #parentPages: ParentPages | null;
  readonly #known: KnownContents | null;
  readonly #linkedInodes: LinkedInodes | null;
  /** Of the sub-tree that is captured. */
  #pages: PageWriter | null = null;

  constructor(
    begin: BeginCapture & { readonly job: number },
    control: Int32Array,
    outlet: JobOutlet,
    world: { readonly xattrs: XattrBackend; readonly now: () => number; readonly pageBytes: number },
  ) {
    const { job, trees, parent, publicKey = null } = begin;
    this.#job = job;
    this.#trees = trees;
    this.#parent = parent;
    this.#parentPages = parent === null ? null : new ParentPages(parent);
    const mayGather = (): boolean => Atomics.exchange(control, jobControl.gatherer, 1) === 0;
    this.#known = KnownContents.of(this.#parentPages, parent?.contentKeys ?? null, mayGather);
    this.#linkedInodes = this.#parentPages === null ? null : new LinkedInodes(this.#parentPages);
    this.control = control;
    this.#outlet = outlet;
    this.#xattrs = world.xattrs;
    this.#now = world.now;
    this.#pageBytes = world.pageBytes;
    this.#late = new LatePages(world.pageBytes);
    this.segments = new SegmentWriter({
      nextNumber: () => Atomics.add(control, jobControl.nextNumber, 1),
      begin: (number) => sealedSegment(number, job, outlet, publicKey),
      full: () => this.#note(),
    });
  }

  readonly #openRoot = (tree: CaptureTree, stat: Stat): number =>
    openRoot(tree, rootMark(this.control, this.#trees.indexOf(tree)), stat);

  /** Captures one sub-tree. A tree that cannot be opened is reported, not thrown. */
  task(treeNumber: number, path: string): void {
    const job = this.#job;
    const tree = this.#trees[treeNumber]!;
    const pages = new PageWriter(this.#pageBytes);
    this.#pages = pages;
    const counts = noCounts();
    const full = path === '' ? tree.name : `${tree.name}/${path}`;
    const isDue = (inodeLow: number): boolean => isInodeDue(inodeLow, this.#parent!);
    const openRoot = (stat: Stat): number => this.#openRoot(tree, stat);
    const due = new DueFiles(tree.name, openRoot, isDue);
    const context: Omit<TreeContext, 'merge'> = {
      isDue,
      isLarge: (where) => this.#parentPages?.isLarge(where, this.#pageBytes) === true,
      known: this.#known,
      holdsLink: (inode) => this.#linkedInodes?.has(tree.device, inode) === true,
      keepLink: (one) =>
        this.#keptLinks.set(`${tree.device}:${one.inode}`, isDue(one.inodeLow) ? ctimeText(one) : ''),
      segments: this.segments,
      openRoot,
      pages,
      directories: this.#late.directories,
      linked: this.#late.linked,
      counts,
      xattrs: this.#xattrs,
      now: this.#now,
      flushPages: (cut) => this.#flushPages(pages, cut, counts),
      warn: (code, where, message) => this.#warn(code, tree.name, where, message),
      wantsHandOver: () => this.#outlet.wantsHandOver(),
      claimHandOver: () => this.#outlet.claimHandOver(),
      handOver: (where) => this.#outlet.send({ type: 'hand-over', job, tree: treeNumber, path: where }),
      checkStop: () => this.#outlet.checkStop(),
    };
    let failure: TreeFailure | null = null;
    try {
      const merge = this.#merge(full, pages, counts, due);
      new TreeCapture(tree, { ...context, merge }).run(path);
      merge?.finish();
    } catch (error) {
      if (!isHoldfastError(error) || error.code !== 'TREE_UNREADABLE') throw error;
      failure = { tree: treeNumber, error: componentErrorOf(error) };
    } finally {
      due.close();
    }
    this.#flushPages(pages, true, counts);
    const { number: openSegment } = this.segments;
    this.#outlet.send({ type: 'task-done', job, tree: treeNumber, counts, failure, openSegment });
  }

  #merge(within: string, pages: PageWriter, counts: CaptureCounts, due: DueFiles): ParentMerge | null {
    const parent = this.#parentPages;
    if (parent === null) return null;
    return new ParentMerge(parent, within, {
      comesTo: (row) => due.comeTo(row, parent),
      write: (entry) => {
        pages.add(entry);
        this.#flushPages(pages, false, counts);
      },
      copy: (record) => {
        pages.copy(record);
        this.#flushPages(pages, false, counts);
      },
      reuse: (row, { objects, dataBytes }) => {
        this.#flushPages(pages, true, counts);
        counts.bytes += dataBytes;
        this.#outlet.send({ type: 'reuse', job: this.#job, row, objects });
      },
      part: (row, plain, from, to) => {
        this.#flushPages(pages, true, counts);
        eachRecord(plain, from, to, (record) => pages.copy(record));
        this.#flushPages(pages, true, counts, { row, from });
      },
    });
  }

  /** Pages end where a directory begins, or inside a directory that is larger than a page. */
  #flushPages(pages: PageWriter, cut: boolean, counts: CaptureCounts, part: PagePart | null = null): void {
    const ends = cut || pages.full;
    if (ends) this.#outlet.checkStop();
    const page = ends ? pages.finish() : null;
    if (page !== null) {
      counts.bytes += page.dataBytes;
      this.#outlet.send({ type: 'page', job: this.#job, page, part });
    }
    this.#late.flush(cut);
  }

  /** A few large files fill segments long before they fill a page: where the run ends early, the next one knows them. */
  #note(): void {
    const page = this.#parent === null ? null : this.#pages?.peek();
    if (page) this.#outlet.send({ type: 'noted', job: this.#job, page });
  }

  #warn(code: string, component: string, path: string, message: string): void {
    const shown = path === '' ? {} : shownPath(path);
    this.#outlet.send({ type: 'warning', job: this.#job, warning: { code, component, ...shown, message } });
  }

  release(): void {
    this.segments.close();
    const { directories, linked } = this.#late.finish();
    this.#parentPages?.close();
    this.#outlet.send({
      type: 'released',
      job: this.#job,
      directories,
      linked,
      keptLinks: this.#keptLinks,
      contents: this.#known?.noted() ?? null,
    });
  }

  /** Ends without a word; harmless after any end. */
  drop(): void {
    this.#parentPages?.close();
  }

  /** Ends the account, of which all others have let go. */
  finish(others: FinishCapture): void {
    const counts = noCounts();
    const { startedAtMs, keptLinks } = others;
    // Tar stops at the end of a full's final segment, so that no other may come after it.
    const newest = Atomics.load(this.control, jobControl.nextNumber) - 1;
    if (this.#parent === null && this.segments.number < newest) this.segments.close();
    const kept = this.#keptLinks;
    for (const [key, ctime] of keptLinks) kept.set(key, ctime);
    const context: LinkContext = {
      trees: this.#trees,
      kept,
      startedAtMs,
      endedAtMs: this.#now(),
      segments: this.segments,
      counts,
      warn: (code, tree, path, message) => this.#warn(code, tree, path, message),
      known: this.#known,
      openRoot: this.#openRoot,
      checkStop: () => this.#outlet.checkStop(),
    };
    const lost = writeFinalSegment(this.#late.join(others), this.#parentPages, context, {
      pageBytes: this.#pageBytes,
      page: (page) => {
        counts.bytes += page.dataBytes;
        this.#outlet.send({ type: 'link-page', job: this.#job, page });
      },
      reuse: (row, { objects, dataBytes }) => {
        counts.bytes += dataBytes;
        this.#outlet.send({ type: 'reuse-links', job: this.#job, row, objects });
      },
    });
    this.#parentPages?.close();
    const failures = [...lost].map(([tree, error]) => {
      return { tree: this.#trees.indexOf(tree), error: componentErrorOf(error) };
    });
    const contents = this.#known?.noted() ?? null;
    this.#outlet.send({ type: 'finished', job: this.#job, counts, failures, contents });
  }
}
