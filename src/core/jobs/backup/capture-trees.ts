/**
 * The file part of one snapshot: runs the capture and turns what it yields into segments and an index.
 */

import { componentErrorOf } from '../../archive/components.ts';
import type { ManifestBody, TreeComponent } from '../../archive/manifest.ts';
import type { SnapshotStatistics } from '../../archive/statistics.ts';
import type { ByteQueue } from '../../byte-queue.ts';
import type { AccountBudget } from '../../config/operations-schema.ts';
import type { Tree } from '../../contracts/panel.ts';
import { type HoldfastError, isHoldfastError } from '../../errors.ts';
import type { NotedContents } from '../capture/content-keys.ts';
import { noCounts } from '../capture/counts.ts';
import { addCounts } from '../capture/job.ts';
import type { CaptureTree } from '../capture/messages.ts';
import type { CapturePool, CaptureResult } from '../capture/pool.ts';
import type { AccountProgress } from './account-progress.ts';
import { numberDevices } from './device-numbers.ts';
import { IndexStream } from './index-stream.ts';
import { knowsNames } from './known-names.ts';
import type { ParentSnapshot } from './parent-snapshot.ts';
import type { SnapshotWriter } from './snapshot-writer.ts';
import { TreeBudget } from './tree-budget.ts';
import type { WarningList } from './warnings.ts';

export interface CapturedTrees {
  readonly components: readonly TreeComponent[];
  readonly index: ManifestBody['index'];
  readonly contentRoot: string | null;
  readonly counts: ManifestBody['counts'];
  readonly changes: SnapshotStatistics['changes'];
  /** For the keys of contents of the snapshot it was compared with; null for a full, and where none are kept. */
  readonly contents: NotedContents | null;
}

export interface TreesContext {
  readonly trees: readonly Tree[];
  /** The snapshot to compare with; null for a full. */
  readonly parent: ParentSnapshot | null;
  readonly pool: CapturePool;
  readonly writer: SnapshotWriter;
  /** Gets the index as it is before encryption, piece by piece. */
  readonly keepIndex: (payload: Buffer) => void;
  readonly warnings: WarningList;
  readonly now: () => number;
  readonly progress: AccountProgress;
}

export async function captureTrees(
  context: TreesContext,
  allowed: AccountBudget | null = null,
): Promise<CapturedTrees> {
  const { pool, writer, warnings, progress } = context;
  const { trees, parent } = comparable(context);
  const startedAt = new Date(context.now()).toISOString();
  const { publicKey } = writer;
  const overBudget = new AbortController();
  const signal = AbortSignal.any([writer.signal, overBudget.signal]);
  const budget = new TreeBudget(allowed, () => {
    writer.giveUpTrees();
    overBudget.abort();
  });
  const begin = (body: ByteQueue): void => writer.start('index', writer.indexKey(), body);
  const index = new IndexStream(begin, publicKey, context.keepIndex);
  let tarBytes = 0;
  const left = writer.left?.files ?? [];
  const forWorkers = parent === null ? null : { ...parent.forWorkers, left };
  const result = await pool
    .capture(
      { trees, parent: forWorkers, publicKey, firstNumber: writer.nextNumber, signal },
      {
        segment: (number, body) => writer.start('segment', writer.segmentKey(number), body),
        progress: (bytes) => progress.stored(bytes),
        segmentDone(done) {
          tarBytes += done.plainBytes;
          budget.addBytes(done.plainBytes);
          if (budget.exceeded === null) writer.addSegment(done);
        },
        page(page, part) {
          budget.addInodes(page.count);
          progress.passed(page.count);
          writer.journal?.page(page, false);
          if (part !== null) index.parts.push({ ...part, page });
          else index.addPage(page);
        },
        noted: (page) => writer.journal?.page(page, false),
        reuse(row, objects) {
          const known = parent!.rows[row]!;
          budget.addInodes(known.count);
          progress.passed(known.count);
          index.reuse(known, objects);
        },
        reuseLinks: (row, objects) => index.reuseLinks(parent!.linkRows[row]!, objects),
        linkPage(page) {
          writer.journal?.page(page, true);
          index.addLinkPage(page);
        },
        warning: (warning) => warnings.add(warning),
      },
    )
    .catch((error: unknown) => {
      index.fail(error);
      if (writer.failed === null && budget.exceeded !== null) return budget.exceeded;
      throw writer.failed ?? error;
    })
    .finally(() => budget.close());
  if (isHoldfastError(result)) return givenUp(trees, result, { startedAt, endedAtMs: context.now() });
  const components = componentsOf(trees, result, startedAt);
  writer.nextNumber = result.nextNumber;
  index.joinParts(parent?.rows ?? []);
  const changes = parent === null ? null : changesOf(trees, result, parent);
  const { contents } = result;
  if (index.isEmpty)
    return {
      components,
      index: null,
      contentRoot: null,
      changes,
      contents,
      counts: counts(result, tarBytes, 0),
    };
  const number = writer.nextNumber++;
  const root = index.finish(trees, number, writer, parent);
  const storedBytes = writer.objects.reduce((sum, object) => sum + object.size, 0);
  return { components, ...root, changes, contents, counts: counts(result, tarBytes, storedBytes) };
}

/** The trees, and what they can be compared with: nothing where they have moved, so that inode numbers mean something else. */
function comparable({ trees, parent, warnings }: TreesContext): {
  readonly trees: readonly CaptureTree[];
  readonly parent: ParentSnapshot | null;
} {
  const numbered = numberDevices(trees, (name) => parent?.deviceOf(name));
  const all = numbered.map(({ tree }) => tree);
  if (parent === null) return { trees: all, parent };
  const there = numbered.flatMap(({ tree, isThere }) => (isThere ? [tree] : []));
  if (there.some(({ name, device }) => (parent.deviceOf(name) ?? device) !== device)) {
    const message = `trees lie on other file systems than they did in snapshot ${parent.snapshot.header.id}, so everything is stored anew`;
    warnings.add({ code: 'no-usable-parent', component: 'account', message });
    return { trees: all, parent: null };
  }
  const named = all.map((tree) => (knowsNames(parent.snapshot, tree) ? { ...tree, namesKnown: true } : tree));
  return { trees: named, parent };
}

/** All trees of an account are given up together: half of one would pass for the whole. */
function givenUp(
  trees: readonly CaptureTree[],
  failure: HoldfastError,
  { startedAt, endedAtMs }: { readonly startedAt: string; readonly endedAtMs: number },
): CapturedTrees {
  const results = trees.map((_, tree) => {
    return { counts: noCounts(), endedAtMs, failure: { tree, error: componentErrorOf(failure) } };
  });
  const result = { counts: noCounts(), contents: null, trees: results };
  const components = componentsOf(trees, result, startedAt);
  const nothing = { index: null, contentRoot: null, changes: null, contents: null };
  return { components, ...nothing, counts: counts(result, 0, 0) };
}

function componentsOf(
  trees: readonly CaptureTree[],
  result: CaptureResult,
  startedAt: string,
): readonly TreeComponent[] {
  return trees.map((tree, i) => {
    const { counts, endedAtMs, failure } = result.trees[i]!;
    const base = {
      type: 'tree' as const,
      name: tree.name,
      startedAt,
      endedAt: new Date(endedAtMs).toISOString(),
      device: tree.device,
      entries: counts.entries,
      bytes: counts.bytes,
    };
    if (failure === null) return { ...base, state: 'complete' };
    return { ...base, state: 'failed', error: failure.error };
  });
}

function counts(result: CaptureResult, tarBytes: number, storedBytes: number): ManifestBody['counts'] {
  const { entries, files, directories, links, bytes } = result.counts;
  return { entries, files, directories, links, bytes, tarBytes, storedBytes };
}

/** Of the trees that both have whole: of one that failed nobody knows what became of its entries. */
function changesOf(
  trees: readonly CaptureTree[],
  result: CaptureResult,
  parent: ParentSnapshot,
): NonNullable<SnapshotStatistics['changes']> {
  const failed = trees.filter((_, i) => result.trees[i]!.failure !== null).map(({ name }) => name);
  const before = parent.rows
    .filter(({ first }) => !failed.includes(first.toString('latin1').split('/', 1)[0]!))
    .reduce((sum, { count }) => sum + count, 0);
  const { entries, kept, changed } = result.trees
    .filter(({ failure }) => failure === null)
    .reduce((sum, { counts }) => addCounts(sum, counts), noCounts());
  return { added: entries - kept - changed, changed, removed: before - kept - changed };
}
