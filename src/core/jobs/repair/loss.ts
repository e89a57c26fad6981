/**
 * What of a snapshot is lost, all repairs together.
 *
 * It is told from the latest revision that had lost nothing, where there is one: what a marked revision names is what was
 * left then, so that a second loss would hide the first. Told from the marked one, what it had said is added: the pages
 * it left out, and the paths that nothing proves whole.
 */

import type { ManifestBody } from '../../archive/manifest.ts';
import type { Root } from '../../archive/root.ts';
import { isHoldfastError } from '../../errors.ts';
import type { Snapshot } from '../catalog.ts';
import { type IndexReader, openIndex } from '../index-reader.ts';
import { namedBy, type SecondLook } from './look-again.ts';
import { type Lost, lostPaths, type Marked, namedPaths } from './lost-paths.ts';
import type { LostPage, RepairRequest } from './types.ts';

export interface Unmendable {
  /** Keys of objects that are gone, and of such as are there but not whole. */
  readonly missing: ReadonlySet<string>;
  readonly damaged: ReadonlySet<string>;
}

export interface Loss {
  /** The revision it is told from. */
  readonly of: Snapshot;
  /** Null where the index itself is lost, and with it every path. */
  readonly index: (Lost & { readonly reader: IndexReader }) | null;
  readonly count: number;
  /** Of these, so many whose names stand in no index that can be read. */
  readonly unnamed: number;
  readonly paths: readonly string[];
  readonly pages: readonly LostPage[];
  /** Names of the components concerned that the revision has whole. */
  readonly components: ReadonlySet<string>;
}

/** Told from the revision that has lost less: compaction may have moved contents since the one that was whole. */
export async function lossOf(
  request: RepairRequest,
  snapshot: Snapshot,
  gone: Unmendable,
  looked: SecondLook | null,
): Promise<Loss> {
  if (looked === null) return lossFrom(request, snapshot, gone, null);
  const all: Unmendable = {
    missing: new Set([...gone.missing, ...looked.missing]),
    damaged: new Set([...gone.damaged, ...looked.damaged]),
  };
  const marked = { paths: new Set(snapshot.body.lost?.paths), isProven: looked.isProven };
  const { whole } = looked;
  const before = whole === null ? null : await lossFrom(request, whole, all, marked);
  const present = await lossFrom(request, snapshot, all, marked);
  const told = withLeftOut(present, marked.paths, before?.index?.reader.root ?? null);
  return before === null || before.count > told.count ? told : withFailed(before, snapshot.body, looked);
}

async function lossFrom(
  { provider, signal }: RepairRequest,
  of: Snapshot,
  { missing, damaged }: Unmendable,
  marked: Marked | null,
): Promise<Loss> {
  const { body } = of;
  const numbers = namedBy(of).flatMap(({ key, number }) =>
    missing.has(key) || damaged.has(key) ? [number] : [],
  );
  const databases = databasesIn(body, (number) => numbers.includes(number));
  const read = async (): Promise<Loss['index']> => {
    if (body.index === null && body.lost !== undefined && body.counts.entries > 0) return null;
    const reader = await openIndex(provider, of, signal);
    const gone = { missing: withUnnamed(of, reader, missing), damaged };
    return { reader, ...(await lostPaths({ provider, reader, ...gone, marked, signal })) };
  };
  const index = await read().catch((error: unknown) => {
    if (!isHoldfastError(error) || !/^OBJECT_/.test(error.code)) throw error;
    return null;
  });
  const trees = body.components.flatMap(({ type, name }) =>
    type === 'tree' && (index === null || index.trees.has(name)) ? [name] : [],
  );
  return {
    of,
    index,
    count: index?.count ?? body.counts.entries,
    unnamed: index === null ? body.counts.entries : 0,
    paths: index?.paths ?? [],
    pages: index?.lostPages ?? [],
    components: new Set([...trees, ...databases]),
  };
}

/** What a marked revision names no more was missing when it was written. */
function withUnnamed(of: Snapshot, { root }: IndexReader, missing: ReadonlySet<string>): ReadonlySet<string> {
  if (of.body.lost === undefined) return missing;
  const named = new Set(namedBy(of).map(({ key }) => key));
  return new Set([...missing, ...root.objects.flatMap(({ key }) => (named.has(key) ? [] : [key]))]);
}

function databasesIn({ components }: ManifestBody, isBad: (object: number) => boolean): readonly string[] {
  return components.flatMap((one) => {
    if (one.type !== 'database' || one.state !== 'complete') return [];
    const parts = [one.object, ...one.besides.map(({ object }) => object)];
    return parts.some((part) => part !== null && isBad(part)) ? [one.name] : [];
  });
}

const entriesIn = ({ pages }: Pick<Root, 'pages'>): number =>
  pages.reduce((sum, { count }) => sum + count, 0);

/** With the pages that the marked revision's index is without. */
function withLeftOut(loss: Loss, marked: ReadonlySet<string>, whole: Root | null): Loss {
  const { index, of } = loss;
  if (index === null) return loss;
  const told = new Set([...index.metMarked, ...index.paths]);
  const firsts = [...marked].filter((path) => !told.has(path));
  const entries = whole === null ? of.body.counts.entries : entriesIn(whole);
  const left = entries - entriesIn(index.reader.root);
  // Without the whole one, and with all that has a name in the index, what was lost beyond that has none; sockets of an index
  // that was made again are missing as well, and are no loss.
  const leftOut =
    whole === null && firsts.length === 0
      ? Math.max(0, Math.min(left, (of.body.lost?.count ?? 0) - marked.size))
      : Math.max(firsts.length, left);
  return {
    ...loss,
    count: loss.count + leftOut,
    unnamed: leftOut - firsts.length,
    paths: [...loss.paths, ...firsts].slice(0, namedPaths),
  };
}

/** With the exports that were marked and that nothing proves whole, since they were not read. */
function withFailed(loss: Loss, { components }: ManifestBody, { isProven }: SecondLook): Loss {
  const failed = new Set(components.flatMap(({ name, state }) => (state === 'failed' ? [name] : [])));
  const keys = new Map(namedBy(loss.of).map(({ number, key }) => [number, key]));
  const unread = databasesIn(loss.of.body, (number) => !isProven(keys.get(number) ?? ''));
  return {
    ...loss,
    components: new Set([...loss.components, ...unread.filter((name) => failed.has(name))]),
  };
}
