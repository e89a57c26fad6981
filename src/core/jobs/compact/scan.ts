/**
 * Reads every index page of one account's snapshots, each once, and adds up what they refer to.
 *
 * Changes nothing and reads no contents. Memory holds the living ranges of each segment and, of each page,
 * which objects it names.
 */

import type { Content } from '../../archive/entry.ts';
import type { ObjectRef } from '../../archive/manifest.ts';
import { readLinkPage, readPage } from '../../archive/page-reader.ts';
import { type LinkPageRow, type ObjectRow, objectKinds, type PageRow } from '../../archive/root.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import { HoldfastError } from '../../errors.ts';
import type { Snapshot } from '../catalog.ts';
import { type IndexReader, openIndex } from '../index-reader.ts';
import { LiveRanges } from './live-ranges.ts';
import { markedSegments } from './marked-segments.ts';

export interface UsedObject {
  readonly row: ObjectRow;
  readonly live: LiveRanges;
}

export interface UsedIndex {
  readonly key: string;
  readonly storedBytes: number;
  liveBytes: number;
  /** Pages and roots in it that a snapshot refers to. */
  parts: number;
}

export interface UsedPage {
  /** Key of the object it lies in. */
  readonly index: string;
  readonly storedBytes: number;
  /** Keys of the segments that its contents lie in. */
  readonly uses: readonly string[];
}

export interface AccountScan {
  readonly snapshots: readonly Snapshot[];
  /** By key; those that a manifest names. Of one that is gone for good `repair` leaves the contents in the pages alone. */
  readonly segments: ReadonlyMap<string, UsedObject>;
  readonly indexes: ReadonlyMap<string, UsedIndex>;
  /** By `pageKey`. */
  readonly pages: ReadonlyMap<string, UsedPage>;
  /** Keys that stay as they are: what a kept full needs, so that tar alone restores it, and what holds marked losses. */
  readonly held: ReadonlySet<string>;
}

export type AnyRow = PageRow | LinkPageRow;

export const isLinkRow = (row: AnyRow): row is LinkPageRow => 'firstInode' in row;

/** The same for every snapshot that refers to the page. */
export const pageKey = (keys: ReadonlyMap<number, string>, row: AnyRow): string =>
  `${keyOf(keys, row.object)}@${row.offset}`;

export const keysOfRoot = ({ root }: IndexReader): ReadonlyMap<number, string> =>
  new Map(root.objects.map(({ number, key }) => [number, key]));

export function keyOf(keys: ReadonlyMap<number, string>, number: number): string {
  const key = keys.get(number);
  if (key !== undefined) return key;
  throw new HoldfastError('OBJECT_DAMAGED', `an index names object ${number}, which its root does not know`, {
    hint: 'Run `holdfast verify` to see which snapshots are affected.',
  });
}

/** Contents of a page, in order. @throws OBJECT_DAMAGED */
export function* contentsOf(row: AnyRow, plain: Buffer): Generator<Content> {
  if (isLinkRow(row)) for (const { content } of readLinkPage(plain, row.digest)) yield content;
  else for (const { content } of readPage(plain, row.digest)) if (content !== null) yield content;
}

/**
 * @throws OBJECT_DAMAGED, OBJECT_MISSING an index cannot be read: nobody knows what it refers to
 */
export async function scanAccount(
  provider: KeyedProvider,
  snapshots: readonly Snapshot[],
  signal: AbortSignal,
): Promise<AccountScan> {
  const scan = {
    segments: new Map<string, UsedObject>(),
    indexes: new Map<string, UsedIndex>(),
    pages: new Map<string, UsedPage>(),
    held: new Set<string>(),
  };
  const named = new Set(
    snapshots.flatMap(({ header }) => [...header.objects, ...header.references].map(({ key }) => key)),
  );
  const done = new Set<string>();
  for (const snapshot of snapshots) {
    signal.throwIfAborted();
    const own = [...snapshot.header.objects, ...snapshot.header.references];
    // Of a full the segments: its index may move.
    const held = snapshot.header.level === 'full' ? own.filter(({ kind }) => kind === 'segment') : [];
    for (const { key } of held) scan.held.add(key);
    const reader = await openIndex(provider, snapshot, signal);
    const keys = keysOfRoot(reader);
    const pageKeyOf = (row: AnyRow): string => pageKey(keys, row);
    for (const key of await markedSegments({ snapshot, reader, keys, done, pageKeyOf })) scan.held.add(key);
    countIndexes(snapshot, own, scan.indexes);
    await scanPages(reader, { ...scan, named }, snapshot);
  }
  return { snapshots, ...scan };
}

function countIndexes(
  { body }: Snapshot,
  named: readonly ObjectRef[],
  indexes: Map<string, UsedIndex>,
): void {
  for (const { key, kind, size, number } of named) {
    if (kind !== 'index') continue;
    const used = indexes.get(key) ?? { key, storedBytes: size, liveBytes: 0, parts: 0 };
    if (number === body.index?.object) {
      used.liveBytes += body.index.length;
      used.parts += 1;
    }
    indexes.set(key, used);
  }
}

async function scanPages(
  reader: IndexReader,
  scan: {
    segments: Map<string, UsedObject>;
    indexes: Map<string, UsedIndex>;
    pages: Map<string, UsedPage>;
    named: ReadonlySet<string>;
  },
  { name }: Snapshot,
): Promise<void> {
  const { root } = reader;
  const keys = keysOfRoot(reader);
  for (const row of root.objects) {
    if (row.kind !== objectKinds.segment || scan.segments.has(row.key) || !scan.named.has(row.key)) continue;
    scan.segments.set(row.key, { row, live: new LiveRanges() });
  }
  const fresh = (row: AnyRow): boolean => !scan.pages.has(pageKey(keys, row));
  for (const rows of [root.pages.filter(fresh), root.linkPages.filter(fresh)]) {
    for await (const { row, plain } of reader.pages<AnyRow>(rows)) {
      const used = new Set<string>();
      for (const { extents } of contentsOf(row, plain)) {
        for (const { object, tarOffset, length } of extents) {
          const key = keyOf(keys, object);
          used.add(key);
          if (!scan.named.has(key)) continue;
          const segment = scan.segments.get(key);
          if (segment === undefined) throw notASegment(name, key);
          segment.live.add(tarOffset, length);
        }
      }
      const index = keyOf(keys, row.object);
      scan.pages.set(pageKey(keys, row), { index, storedBytes: row.length, uses: [...used] });
      const whole = scan.indexes.get(index);
      if (whole === undefined) continue;
      whole.liveBytes += row.length;
      whole.parts += 1;
    }
  }
}

const notASegment = (name: string, key: string): HoldfastError =>
  new HoldfastError('OBJECT_DAMAGED', `the index of ${name} has contents in ${key}, which is no segment`, {
    hint: 'Run `holdfast verify` to see which snapshots are affected.',
  });
