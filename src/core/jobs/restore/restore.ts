/**
 * Restores a snapshot, or paths and databases of it, into a directory of its own.
 *
 * Order: files and special entries (in worker threads where there are many), then entries with several
 * names, then the metadata of directories, then what `chattr` had set, then databases. The cost follows what is restored, not how
 * many snapshots came before.
 */

import { dataBytes, type Entry } from '../../archive/entry.ts';
import type { FinishedPage } from '../../archive/pages.ts';
import { isHoldfastError } from '../../errors.ts';
import { systemXattrs } from '../../filesystem/xattrs.ts';
import { type IndexReader, openIndex } from '../index-reader.ts';
import { warnOfDatabases, warnOfTrees } from './backup-warnings.ts';
import { costsOneFile, type EntryRestorer, type RestoreOutlet } from './entry-restorer.ts';
import { type FetchFrame, Frames, fetchFrom } from './frames.ts';
import { entriesOf, sortedPages } from './kept-pages.ts';
import type { Leftovers } from './messages.ts';
import { PageRestorer } from './page-restorer.ts';
import { batches, pageWorks } from './page-works.ts';
import { pathsWanted, treeName } from './paths-wanted.ts';
import { namesAlike, noProgress, outletOf, reportOf } from './progress.ts';
import { protect } from './protection.ts';
import { databaseFiles, writeDatabaseFile } from './restore-databases.ts';
import { restoreInThreads } from './restore-pool.ts';
import { RestoreThreads } from './restore-threads.ts';
import { givesRights, panelTrees } from './restriction.ts';
import { inTarget, openTarget } from './target.ts';
import type { RestoreFailure, RestoreReport, RestoreRequest } from './types.ts';

/** Up to this many pages are restored without starting threads. */
const inlinePages = 4;

/**
 * @throws PATH_NOT_FOUND a path or database is not in the snapshot; nothing was written
 * @throws TARGET_NOT_EMPTY, TARGET_UNWRITABLE, OBJECT_MISSING, OBJECT_DAMAGED, STORE_UNAVAILABLE,
 *   INTERRUPTED: what was restored so far stays, and `resume` goes on from there
 */
export async function restore(request: RestoreRequest): Promise<RestoreReport> {
  const { snapshot } = request;
  const files = filesWanted(request);
  const progress = noProgress();
  const outlet = outletOf(progress, request.onEvent);
  const trees = await openTrees(request, files.length > 0, outlet);
  request.onEvent({ type: 'planned', ...sizes(trees, request) });
  const target = await openTarget(request.target, request.resume, snapshot);
  const { alike } = target;
  if (alike) progress.warnings.add(namesAlike);
  const written: string[] = [];
  try {
    if (trees !== null) warnOfTrees(snapshot, trees.within, outlet.warn);
    warnOfDatabases(
      snapshot,
      files.map(({ component }) => component),
      outlet.warn,
    );
    if (trees !== null) {
      const isWhole = (): boolean => progress.failureCount === 0;
      await restoreTrees(request, trees, { target: target.fd, alike, outlet, isWhole });
    }
    for (const file of files) {
      try {
        const onBytes = (bytes: number): void => outlet.progress(0, bytes);
        if (!(await writeDatabaseFile(target.fd, file, snapshot, { ...request, alike, onBytes })))
          outlet.kept();
        written.push(file.path);
      } catch (error) {
        if (!costsOneFile(error)) throw error;
        outlet.failed(Buffer.from(file.path), error.message);
      }
    }
  } catch (error) {
    target.abandon(error);
    throw inTarget(error, request.target);
  }
  await target.finish();
  return reportOf(progress, written);
}

interface WantedTrees {
  readonly reader: IndexReader;
  readonly within: readonly Buffer[];
}

/** Null where no trees are wanted, or where their index is lost and there are databases to go on with. */
async function openTrees(
  request: RestoreRequest,
  databases: boolean,
  outlet: RestoreOutlet,
): Promise<WantedTrees | null> {
  if (!treesWanted(request)) return null;
  const { provider, snapshot, signal } = request;
  try {
    const reader = await openIndex(provider, snapshot, signal);
    const within = await pathsWanted(reader, request);
    if (request.restriction === undefined || !request.everything) return { reader, within };
    const names = reader.root.trees.map(({ name }) => name);
    for (const name of names.filter((one) => panelTrees.includes(one)))
      outlet.warn('left-out', Buffer.from(name), 'belongs to the panel, and the snapshot is not trusted');
    return {
      reader,
      within: names.filter((one) => !panelTrees.includes(one)).map((one) => Buffer.from(one)),
    };
  } catch (error) {
    const lost = isHoldfastError(error) && error.code.startsWith('OBJECT_');
    if (!lost || !databases || !request.everything) throw error;
    for (const component of snapshot.body.components) {
      if (component.type === 'tree') outlet.failed(Buffer.from(component.name), error.message);
    }
    return null;
  }
}

const treesWanted = (request: RestoreRequest): boolean => request.everything || request.paths.length > 0;

const filesWanted = (request: RestoreRequest): ReturnType<typeof databaseFiles> =>
  databaseFiles(request.snapshot, request.everything ? null : request.databases).filter(
    ({ suffix }) => request.restriction === undefined || !givesRights(suffix ?? ''),
  );

/** What a restore would write, without writing. @throws PATH_NOT_FOUND, OBJECT_MISSING, OBJECT_DAMAGED */
export async function planRestore(request: RestoreRequest): Promise<{
  readonly entries: number;
  readonly bytes: number;
  /** Files below the target. */
  readonly databases: readonly string[];
  /** Trees of a lost index, where there are databases to go on with. */
  readonly failures: readonly RestoreFailure[];
}> {
  const files = filesWanted(request);
  const progress = noProgress();
  const trees = await openTrees(request, files.length > 0, outletOf(progress, request.onEvent));
  let [entries, bytes] = [0, files.reduce((sum, file) => sum + file.plainBytes, 0)];
  for (const path of trees?.within ?? []) {
    for await (const entry of trees!.reader.entries(path)) {
      entries++;
      bytes += dataBytes(entry.content);
    }
  }
  return { entries, bytes, databases: files.map((file) => file.path), failures: progress.failures };
}

function sizes(trees: WantedTrees | null, request: RestoreRequest): { entries: number; bytes: number } {
  if (trees === null)
    return { entries: 0, bytes: filesWanted(request).reduce((sum, file) => sum + file.plainBytes, 0) };
  const { reader, within } = trees;
  const rows = new Set(within.flatMap((path) => [...reader.pagesWithin(path)]));
  const entries = [...rows].reduce((sum, row) => sum + row.count, 0);
  const { counts } = request.snapshot.body;
  const share = counts.entries === 0 ? 0 : Math.min(1, entries / counts.entries);
  return { entries, bytes: Math.round(counts.bytes * share) };
}

interface TreesTarget {
  readonly target: number;
  readonly alike: boolean;
  readonly outlet: RestoreOutlet;
  /** Nothing has failed until now. */
  readonly isWhole: () => boolean;
}

async function restoreTrees(
  request: RestoreRequest,
  trees: WantedTrees,
  { target, alike, outlet, isWhole }: TreesTarget,
): Promise<void> {
  const { objects } = trees.reader.root;
  const fetch = fetchFrom(request.provider, objects, request.signal);
  const pages = new PageRestorer({
    target,
    resume: request.resume,
    alike,
    verifyOnly: false,
    restriction: request.restriction ?? null,
    frames: new Frames(objects, fetch),
    xattrs: systemXattrs,
    outlet,
    checkStop: () => request.signal.throwIfAborted(),
  });
  try {
    await restorePages(request, trees, pages, { target, alike, fetch, outlet, isWhole });
  } finally {
    pages.restorer.close();
  }
}

async function restorePages(
  request: RestoreRequest,
  { reader, within }: WantedTrees,
  pages: PageRestorer,
  context: TreesTarget & { readonly fetch: FetchFrame },
): Promise<void> {
  const { objects, trees } = reader.root;
  const { outlet } = context;
  const rows = [...new Set(within.flatMap((path) => [...reader.pagesWithin(path)]))];
  const selected = within.some((path) => path.length === 0) ? null : within;
  const works = pageWorks(reader, rows, selected, outlet);
  let leftovers: Leftovers = { directories: [], linked: [], protected: [] };
  const inline = request.pool === undefined && (rows.length <= inlinePages || request.threads < 2);
  if (inline) {
    for await (const work of works) await pages.run([work]);
  } else {
    const { resume, restriction = null } = request;
    const { target, alike } = context;
    const setup = { target, alike, objects, resume, verifyOnly: false, restriction };
    const work = batches(works, rows.length, request.threads);
    const threads = request.pool ?? new RestoreThreads(request.threads);
    try {
      leftovers = await restoreInThreads(work, {
        ...request,
        ...context,
        setup,
        threads,
        share: request.threads,
      });
    } finally {
      if (request.pool === undefined) await threads.close();
    }
  }
  const devices = new Map(trees.map((tree) => [tree.name, tree.device]));
  const deviceOf = (entry: Entry): number => devices.get(treeName(entry)) ?? 0;
  const own = pages.end();
  const { restorer } = pages;
  const linked = sortedPages([...own.linked, ...leftovers.linked]);
  await restorer.restoreLinked(entriesOf(linked, 'forwards'), deviceOf, (device, inode) =>
    reader.linkRecord(device, inode),
  );
  await finishDirectories(
    restorer,
    sortedPages([...own.directories, ...leftovers.directories]),
    request.signal,
  );
  const last = sortedPages([...own.protected, ...leftovers.protected]);
  const { signal } = request;
  await protect(context.target, entriesOf(last, 'forwards'), { isWhole: context.isWhole(), outlet, signal });
}

/** From the last to the first, so that a directory comes after everything below it. */
async function finishDirectories(
  restorer: EntryRestorer,
  pages: readonly FinishedPage[],
  signal: AbortSignal,
): Promise<void> {
  for await (const entry of entriesOf(pages, 'backwards')) {
    signal.throwIfAborted();
    await restorer.finishDirectory(entry);
  }
}
