/**
 * The second pass: a new index for one snapshot, in which the pages that referred to sparse objects are
 * written anew. Entries stay byte for byte, so page digests, the content root and the snapshot's digest do too.
 */

import type { Content, LinkRecord } from '../../archive/entry.ts';
import { LinkPageWriter } from '../../archive/link-page-writer.ts';
import type { ManifestBody } from '../../archive/manifest.ts';
import { readLinkPage, readPage } from '../../archive/page-reader.ts';
import { type FinishedPage, PageWriter } from '../../archive/pages.ts';
import { type ObjectRow, objectKinds } from '../../archive/root.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import { HoldfastError } from '../../errors.ts';
import { IndexStream } from '../backup/index-stream.ts';
import type { SnapshotWriter } from '../backup/snapshot-writer.ts';
import type { Snapshot } from '../catalog.ts';
import { type IndexReader, openIndex } from '../index-reader.ts';
import type { ContentMover } from './content-mover.ts';
import { type AccountScan, type AnyRow, isLinkRow, keyOf, keysOfRoot, pageKey } from './scan.ts';

/** A page that was written anew, for every other snapshot that refers to the old one. */
export interface NewPage {
  readonly row: AnyRow;
  /** Numbers of the objects its contents lie in. */
  readonly objects: readonly number[];
}

export interface NewIndexRequest {
  readonly provider: KeyedProvider;
  readonly snapshot: Snapshot;
  /** For this index alone; it puts it, and learns what the index refers to. */
  readonly writer: SnapshotWriter;
  readonly scan: Pick<AccountScan, 'pages'>;
  /** Keys of the objects that are emptied. */
  readonly sparse: ReadonlySet<string>;
  readonly mover: Pick<ContentMover, 'placed'>;
  /** By `pageKey`; it grows. */
  readonly newPages: Map<string, NewPage>;
  /** Rows of the new objects, by number; it grows by this index. */
  readonly newObjects: Map<number, ObjectRow>;
  readonly signal: AbortSignal;
}

export interface NewIndex {
  readonly index: NonNullable<ManifestBody['index']>;
  /** Numbers of all objects that the index names. */
  readonly used: ReadonlySet<number>;
}

/** Resolves when the index is durable. @throws OBJECT_DAMAGED it would not describe the same entries */
export async function writeNewIndex(request: NewIndexRequest): Promise<NewIndex> {
  const { provider, snapshot, writer, newPages, newObjects, signal } = request;
  const reader = await openIndex(provider, snapshot, signal);
  const keys = keysOfRoot(reader);
  // Several of one object where a run took over what its parent had.
  const numbers = Map.groupBy(keys.keys(), (number) => keys.get(number)!);
  const number = writer.nextNumber++;
  const stream = new IndexStream((body) => writer.start('index', writer.indexKey(), body), writer.publicKey);
  let written = 0;
  const pages = async (rows: readonly AnyRow[]): Promise<void> => {
    const stale: AnyRow[] = [];
    for (const row of rows) {
      const state = stateOf(request, { keys, numbers }, row);
      if (state === 'stale') stale.push(row);
      else refer(stream, state.row, state.objects);
    }
    for await (const { row, plain } of reader.pages(stale)) {
      const page = rewritten(request, keys, row, plain);
      const { digest, count, plainBytes, frame, objects } = page;
      if (!digest.equals(row.digest) || count !== row.count) throw differs(snapshot.name);
      if (isLinkRow(row)) stream.addLinkPage(page);
      else stream.addPage(page);
      const place = { object: number, offset: written, length: frame.length, plainBytes };
      newPages.set(pageKey(keys, row), { row: { ...row, ...place }, objects });
      written += frame.length;
    }
  };
  try {
    await pages(reader.root.pages);
    await pages(reader.root.linkPages);
  } catch (error) {
    stream.fail(error);
    throw writer.failed ?? error;
  }
  const objects = new Map([...rowsOf(reader, snapshot), ...newObjects]);
  const { index, contentRoot } = stream.finish(reader.root.trees, number, writer, { objects });
  await writer.settled();
  if (contentRoot !== snapshot.body.contentRoot) throw differs(snapshot.name);
  const own = writer.objects[0]!;
  newObjects.set(number, {
    number,
    key: own.key,
    kind: objectKinds.index,
    storedBytes: own.size,
    sha256: Buffer.from(own.sha256, 'hex'),
    frames: [],
    ...(index.sealed === undefined
      ? {}
      : { seal: { epoch: own.epoch ?? 0, sealed: Buffer.from(index.sealed, 'base64') } }),
  });
  return { index, used: new Set([number, ...writer.references.map((one) => one.number)]) };
}

/** How the new index names a page: as before, as another snapshot's new index does, or it must be written. */
function stateOf(
  { scan, sparse, newPages }: NewIndexRequest,
  {
    keys,
    numbers,
  }: {
    readonly keys: ReadonlyMap<number, string>;
    readonly numbers: ReadonlyMap<string, readonly number[]>;
  },
  row: AnyRow,
): NewPage | 'stale' {
  const name = pageKey(keys, row);
  const known = newPages.get(name);
  if (known !== undefined) return known;
  const { uses } = scan.pages.get(name)!;
  if (sparse.has(keyOf(keys, row.object)) || uses.some((key) => sparse.has(key))) return 'stale';
  return { row, objects: uses.flatMap((key) => numbers.get(key)!) };
}

function refer(stream: IndexStream, row: AnyRow, objects: readonly number[]): void {
  if (isLinkRow(row)) stream.reuseLinks(row, objects);
  else stream.reuse(row, objects);
}

function rewritten(
  { mover, sparse }: NewIndexRequest,
  keys: ReadonlyMap<number, string>,
  row: AnyRow,
  plain: Buffer,
): FinishedPage {
  const moved = (content: Content): Content =>
    content.extents.some(({ object }) => sparse.has(keyOf(keys, object)))
      ? (mover.placed(content) ?? content)
      : content;
  if (isLinkRow(row)) {
    const writer = new LinkPageWriter();
    for (const record of readLinkPage(plain, row.digest)) {
      const next: LinkRecord = { ...record, content: moved(record.content) };
      writer.add(next);
    }
    return writer.finish()!;
  }
  const writer = new PageWriter();
  for (const entry of readPage(plain, row.digest))
    writer.add(entry.content === null ? entry : { ...entry, content: moved(entry.content) });
  return writer.finish()!;
}

/** The root's table, with what only the manifest knows: size and hash of the index objects. */
function rowsOf({ root }: IndexReader, { header }: Snapshot): Map<number, ObjectRow> {
  const rows = new Map(root.objects.map((row) => [row.number, row]));
  for (const { number, kind, size, sha256 } of [...header.objects, ...header.references]) {
    const row = rows.get(number);
    if (kind !== 'index' || row === undefined) continue;
    rows.set(number, { ...row, storedBytes: size, sha256: Buffer.from(sha256, 'hex') });
  }
  return rows;
}

const differs = (name: string): HoldfastError =>
  new HoldfastError('OBJECT_DAMAGED', `the index of ${name} cannot be written anew without a change`, {
    hint: 'Use the Holdfast release that wrote this snapshot, or a newer one.',
  });
