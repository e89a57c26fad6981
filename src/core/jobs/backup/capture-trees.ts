/**
 * The file part of one snapshot: runs the capture and turns what it yields into segments and an index.
 */

import { createHash } from 'node:crypto';
import { comparePaths } from '../../archive/entry.ts';
import type { ManifestBody, TreeComponent } from '../../archive/manifest.ts';
import { compressPart, type FinishedPage } from '../../archive/pages.ts';
import {
  contentRoot,
  encodeRoot,
  encodeTail,
  type LinkPageRow,
  objectKinds,
  type PageRow,
} from '../../archive/root.ts';
import type { Tree } from '../../contracts/panel.ts';
import { AT_FDCWD, Stat, statAt, zName } from '../../filesystem/native.ts';
import { ByteQueue } from '../byte-queue.ts';
import type { CaptureTree } from '../capture/messages.ts';
import type { CapturePool, CaptureResult } from '../capture/pool.ts';
import type { ParentSnapshot } from './parent-snapshot.ts';
import type { SnapshotWriter } from './snapshot-writer.ts';
import type { WarningList } from './warnings.ts';

export interface CapturedTrees {
  readonly components: readonly TreeComponent[];
  readonly index: ManifestBody['index'];
  readonly contentRoot: string | null;
  readonly counts: ManifestBody['counts'];
}

export interface TreesContext {
  readonly trees: readonly Tree[];
  /** The snapshot to compare with; null for a full. */
  readonly parent: ParentSnapshot | null;
  readonly pool: CapturePool;
  readonly writer: SnapshotWriter;
  readonly warnings: WarningList;
  readonly now: () => number;
  readonly onBytes: (bytes: number) => void;
}

interface Place {
  readonly page: Omit<FinishedPage, 'frame'>;
  readonly offset: number;
  readonly length: number;
}

export async function captureTrees(context: TreesContext): Promise<CapturedTrees> {
  const { pool, writer, warnings } = context;
  const trees = numberDevices(context.trees);
  const parent = context.parent?.usableFor(trees) === true ? context.parent : null;
  const startedAt = new Date(context.now()).toISOString();
  const index = new IndexStream();
  let tarBytes = 0;
  const result = await pool
    .capture(
      { trees, parent: parent?.forWorkers ?? null, firstNumber: writer.nextNumber, signal: writer.signal },
      {
        segment: (number, body) => writer.start('segment', writer.segmentKey(number), body),
        segmentDone(done) {
          tarBytes += done.plainBytes;
          context.onBytes(done.plainBytes);
          writer.addSegment(done.number, done.storedBytes, Buffer.from(done.sha256), done.frames);
        },
        page(page) {
          if (index.isEmpty) writer.start('index', writer.indexKey(), index.body);
          index.add(page, index.pages);
        },
        reuse: (row, objects) => {
          index.reused.push(parent!.rows[row]!);
          for (const number of objects) index.used.add(number);
        },
        reuseLinks: (row, objects) => {
          index.reusedLinks.push(parent!.linkRows[row]!);
          for (const number of objects) index.used.add(number);
        },
        linkPage(page) {
          if (index.isEmpty) writer.start('index', writer.indexKey(), index.body);
          index.add(page, index.linkPages);
        },
        warning: (warning) => warnings.add(warning),
      },
    )
    .catch((error: unknown) => {
      index.body.fail(error);
      throw writer.failed ?? error;
    });
  const components = componentsOf(trees, result, startedAt);
  writer.nextNumber = result.nextNumber;
  const nothing = index.isEmpty && index.reused.length === 0;
  if (nothing) return { components, index: null, contentRoot: null, counts: counts(result, tarBytes, 0) };
  if (index.isEmpty) writer.start('index', writer.indexKey(), index.body);
  const number = writer.nextNumber++;
  const root = index.finish(trees, number, writer, parent);
  const storedBytes = writer.objects.reduce((sum, object) => sum + object.size, 0);
  return { components, ...root, counts: counts(result, tarBytes, storedBytes) };
}

/** Trees on one device share its number, so that hard links between them are recognised. */
function numberDevices(trees: readonly Tree[]): CaptureTree[] {
  const seen: string[] = [];
  const stat = new Stat();
  return trees.map((tree) => {
    const known = statAt(AT_FDCWD, zName(tree.path), stat) === 0;
    const device = known ? `${stat.deviceMajor}:${stat.deviceMinor}` : tree.path;
    if (!seen.includes(device)) seen.push(device);
    const { name, path, exclude, include } = tree;
    const base = { name, path, device: seen.indexOf(device), exclude };
    return include === undefined ? base : { ...base, include };
  });
}

/** The index object while it is written: pages as they come, the root at the end. */
class IndexStream {
  readonly body = new ByteQueue(() => {});
  readonly pages: Place[] = [];
  readonly linkPages: Place[] = [];
  /** Pages of the parent that are referred to. */
  readonly reused: PageRow[] = [];
  readonly reusedLinks: LinkPageRow[] = [];
  /** Numbers of the objects that pages refer to. */
  readonly used = new Set<number>();
  readonly #hash = createHash('sha256');
  #length = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  add(page: FinishedPage, places: Place[]): void {
    const { frame, ...rest } = page;
    for (const number of page.objects) this.used.add(number);
    places.push({ page: rest, offset: this.#length, length: frame.length });
    this.#push(Buffer.from(frame));
  }

  #push(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.#length += bytes.length;
    this.body.push(bytes);
  }

  finish(
    trees: readonly CaptureTree[],
    number: number,
    writer: SnapshotWriter,
    parent: ParentSnapshot | null,
  ): { readonly index: NonNullable<ManifestBody['index']>; readonly contentRoot: string } {
    const place = ({ page, offset, length }: Place): Omit<PageRow, 'first'> => ({
      object: number,
      offset,
      length,
      plainBytes: page.plainBytes,
      count: page.count,
      digest: Buffer.from(page.digest),
    });
    const own: PageRow[] = this.pages.map((one) => ({ ...place(one), first: Buffer.from(one.page.first) }));
    const pages = [...own, ...this.reused].sort((a, b) => comparePaths(a.first, b.first));
    for (const row of [...this.reused, ...this.reusedLinks]) this.used.add(row.object);
    const ownLinks: LinkPageRow[] = this.linkPages.map((one) => ({
      ...place(one),
      firstDevice: one.page.firstDevice,
      firstInode: one.page.firstInode,
    }));
    const linkPages = [...ownLinks, ...this.reusedLinks].sort(compareLinkRows);
    const self = {
      number,
      key: writer.indexKey(),
      kind: objectKinds.index,
      storedBytes: 0,
      sha256: Buffer.alloc(32),
      frames: [],
    };
    const earlier = writer.refer(this.used, parent);
    const objects = [...writer.rows, ...earlier, self].sort((a, b) => a.number - b.number);
    const root = { trees, objects, pages, linkPages };
    const plain = encodeRoot(root);
    const frame = compressPart(plain);
    const offset = this.#length;
    this.#push(frame);
    this.#push(encodeTail(offset, frame.length));
    this.body.end();
    const sha256 = this.#hash.digest('hex');
    writer.addIndex(number, this.#length, sha256);
    return {
      index: {
        object: number,
        offset,
        length: frame.length,
        plainBytes: plain.length,
        sha256: createHash('sha256').update(frame).digest('hex'),
      },
      contentRoot: contentRoot(root).toString('hex'),
    };
  }
}

function compareLinkRows(a: LinkPageRow, b: LinkPageRow): number {
  return a.firstDevice - b.firstDevice || (a.firstInode < b.firstInode ? -1 : 1);
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
    return { ...base, state: 'failed', error: { code: failure.code, message: failure.message } };
  });
}

function counts(result: CaptureResult, tarBytes: number, storedBytes: number): ManifestBody['counts'] {
  return { ...result.counts, tarBytes, storedBytes };
}
