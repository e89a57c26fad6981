/**
 * Whether the snapshots of each account still follow one another: a sequence without gaps, each with the
 * digest of the one before it. What prune events name may be missing.
 *
 * A copy need not have all snapshots of its origin, so there only neighbours are compared. The newest
 * snapshots have no successor that would miss them; what this server remembers of its last ones does, and
 * shows also where an older state of the store was put back.
 */

import type { Store } from '../contracts/store.ts';
import type { KeyedProvider } from '../encryption/keyed-provider.ts';
import { type ErrorCode, isHoldfastError } from '../errors.ts';
import type { LastSnapshot } from '../state/lineages.ts';
import type { ListedSnapshot, Snapshot } from './catalog.ts';
import { eachLimited } from './each-limited.ts';
import type { SnapshotRef } from './events.ts';
import { type MissingRef, type PrunedRefs, readPruned } from './prune-events.ts';
import { ascending, numbersIn, rangesBetween } from './sequence-ranges.ts';
import { readStoreFile } from './store-file.ts';
import type { Trust } from './trust.ts';
import { LineageHistory } from './verify-lineage.ts';

export interface HistoryProblem {
  readonly server: string;
  readonly owner: string;
  /** Name of the snapshot after the gap, or whose `previous` is wrong; null where the account has none, and for what is no snapshot. */
  readonly snapshot: string | null;
  readonly kind: 'gap' | 'previous' | 'lost' | 'event' | 'damaged-event' | 'name' | 'key';
  readonly message: string;
  /** The numbers that are missing, as far as they are known and not more than some thousands. */
  readonly missing?: readonly MissingRef[];
}

/** How bad each kind is. */
export const historyCodes = {
  gap: 'OBJECT_MISSING',
  lost: 'OBJECT_MISSING',
  previous: 'OBJECT_DAMAGED',
  'damaged-event': 'OBJECT_DAMAGED',
  event: 'SNAPSHOT_UNTRUSTED',
  name: 'SNAPSHOT_UNTRUSTED',
  key: 'OBJECT_DAMAGED',
} as const satisfies Record<HistoryProblem['kind'], ErrorCode>;

/** What is remembered of a manifest. */
export interface HistoryLink extends SnapshotRef {
  readonly name: string;
  readonly server: string;
  readonly owner: string;
  readonly addin: string;
  /** Id of the store of origin. */
  readonly store: string;
  readonly previous: string | null;
}

/** The last snapshot that this server made of an account, or of a lineage of it, as its state remembers it. */
export interface Remembered {
  readonly server: string;
  readonly owner: string;
  readonly addin: string;
  readonly last: LastSnapshot;
  /** It has begun another lineage since. */
  readonly isFormer?: true;
}

export interface HistoryRequest {
  readonly store: Store;
  readonly provider: KeyedProvider;
  /** Every snapshot of each owner whose manifest can be read and is trusted. */
  readonly links: readonly HistoryLink[];
  /** The others: they are not missing. */
  readonly unreadable: readonly ListedSnapshot[];
  readonly remembered?: readonly Remembered[];
  /** Id of the store, as `idOf` tells it; left out: it is asked. */
  readonly storeId?: string | null;
  /** Whose prune events count; left out: everybody's. */
  readonly trust?: Trust;
  /** Left out: all prune events of the account are read. For whoever does without their digests. */
  readonly prunedOf?: (place: Pick<HistoryLink, 'server' | 'owner'>) => Promise<PrunedRefs>;
  readonly signal: AbortSignal;
}

const ownersAtOnce = 4;

export function linkOf({ header, name }: Pick<Snapshot, 'header' | 'name'>): HistoryLink {
  const { id, lineage, sequence, digest, server, owner, store, previous } = header;
  return { id, lineage, sequence, digest, server, owner, store, previous, name, addin: header.addin.id };
}

/** In the order of owners. @throws STORE_UNAVAILABLE, STORE_DENIED */
export async function verifyHistories(request: HistoryRequest): Promise<HistoryProblem[]> {
  const { store, signal } = request;
  if (store.capabilities.putOnly) return [];
  const { storeId = await idOf(store, signal), prunedOf = readerFor(request) } = request;
  const slot = (one: { readonly server: string; readonly owner: string }) => `${one.server}/${one.owner}`;
  const unreadable = Map.groupBy(request.unreadable, slot);
  const found = new Map<string, HistoryProblem[]>();
  const owners = [...Map.groupBy(request.links, slot)];
  await eachLimited(owners, ownersAtOnce, async ([place, ofOwner]) => {
    const { server, owner } = ofOwner[0]!;
    const damaged = (unreadable.get(place) ?? []).map(({ sequence }) => sequence);
    let read: PrunedRefs | null = null;
    const problems: HistoryProblem[] = [];
    for (const lane of Map.groupBy(ofOwner, ({ addin, lineage }) => `${addin} ${lineage}`).values()) {
      const history = new LineageHistory(lane, storeId, damaged);
      if (history.hasGaps) read ??= await prunedOf({ server, owner });
      problems.push(
        ...history.problems(read ?? { removed: [], missing: [], unreadable: [], distrusted: [] }),
      );
    }
    found.set(place, problems);
  });
  const lost = await eachRemembered({ ...request, prunedOf });
  return [...owners.flatMap(([place]) => found.get(place)!), ...lost];
}

const readerFor =
  (request: HistoryRequest): NonNullable<HistoryRequest['prunedOf']> =>
  (place) =>
    readPruned({ ...request, ...place });

async function eachRemembered(
  request: HistoryRequest & Required<Pick<HistoryRequest, 'prunedOf'>>,
): Promise<HistoryProblem[]> {
  const problems: HistoryProblem[] = [];
  const read = new Map<string, Promise<PrunedRefs>>();
  for (const one of request.remembered ?? []) {
    const { server, owner } = one;
    const prunedRefs = (): Promise<PrunedRefs> => {
      const known = read.get(`${server}/${owner}`) ?? request.prunedOf({ server, owner });
      read.set(`${server}/${owner}`, known);
      return known;
    };
    const problem = await whatBecameOf(one, request, prunedRefs);
    if (problem !== null) problems.push(problem);
  }
  return problems;
}

/** Null where it is there, or where it is known why not. */
async function whatBecameOf(
  { server, owner, addin, last, isFormer }: Remembered,
  request: Pick<HistoryRequest, 'links' | 'unreadable'>,
  prunedRefs: () => Promise<PrunedRefs>,
): Promise<HistoryProblem | null> {
  const { links, unreadable } = request;
  const isTheirs = (one: { readonly server: string; readonly owner: string }): boolean =>
    one.server === server && one.owner === owner;
  const lane = links.filter((one) => isTheirs(one) && one.addin === addin && one.lineage === last.lineage);
  const found = lane.filter(({ sequence }) => sequence === last.sequence);
  if (found.some(({ digest }) => digest === last.digest)) return null;
  if (unreadable.some((one) => isTheirs(one) && one.sequence === last.sequence)) return null;
  const explained = explainedIn(last.lineage, await prunedRefs());
  if (explained.includes(last.sequence)) return null;
  const newest = lane.reduce<HistoryLink | null>(
    (best, one) => (best === null || one.sequence > best.sequence ? one : best),
    null,
  );
  const what = `snapshot ${last.sequence}, the last that this server made of ${isFormer === true ? 'an earlier lineage of the account' : 'the account'},`;
  const message =
    found.length > 0
      ? `${what} has been replaced by another`
      : `${what} is missing and no prune event says why; an older state of the store may have been put back`;
  const { lineage, sequence } = last;
  const known = [...explained, ...unreadable.filter(isTheirs).map((one) => one.sequence)];
  const ranges = rangesBetween(newest?.sequence ?? sequence - 1, sequence + 1, known.sort(ascending));
  const missing = numbersIn(ranges).map((sequence) => ({ lineage, sequence }));
  return { server, owner, snapshot: newest?.name ?? null, kind: 'lost', message, missing };
}

function explainedIn(lineage: string, { removed, missing }: PrunedRefs): number[] {
  return [...removed, ...missing].filter((one) => one.lineage === lineage).map(({ sequence }) => sequence);
}

/** Null where the store does not tell, so that nobody knows whether it is a copy. */
export async function idOf(store: Store, signal: AbortSignal): Promise<string | null> {
  try {
    return (await readStoreFile(store, signal))?.store ?? null;
  } catch (error) {
    if (isHoldfastError(error) && /^(?:OBJECT|FORMAT)_/.test(error.code)) return null;
    throw error;
  }
}
