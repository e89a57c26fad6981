/**
 * What an account's prune events say was removed, for whoever meets a snapshot that is not there.
 *
 * Such an event says what may be missing, not what is: it is written before the first removal.
 */

import { compactUtc, parseEventKey } from '../archive/keys.ts';
import type { Provider } from '../contracts/provider.ts';
import type { Store } from '../contracts/store.ts';
import { eachLimited } from './each-limited.ts';
import { readEventObject } from './event-object.ts';
import type { SnapshotRef } from './events.ts';
import { standingOf, type Trust } from './trust.ts';

/** A snapshot that is known by its number alone. */
export type MissingRef = Pick<SnapshotRef, 'lineage' | 'sequence'>;

export interface PrunedRef extends SnapshotRef {
  /** 32 hex digits of index objects that its revisions had written anew. */
  readonly indexes?: readonly string[];
}

export interface PrunedRefs {
  readonly removed: readonly PrunedRef[];
  /** What was missing already, without a reason, when somebody accepted that. */
  readonly missing: readonly MissingRef[];
  /** Keys of prune events that cannot be read. */
  readonly unreadable: readonly string[];
  /** Keys of prune events that do not count: who signed them is not trusted, or nobody did. */
  readonly distrusted: readonly string[];
}

export interface PruneEventsRequest {
  readonly store: Store;
  readonly provider: Provider;
  readonly server: string;
  readonly owner: string;
  /** Events of this instant and later, by the clocks of their writers; every one where it is left out. */
  readonly sinceMs?: number;
  /** Whose events count; left out: everybody's. */
  readonly trust?: Trust;
  readonly signal: AbortSignal;
}

const readsAtOnce = 8;
/** So long after its event prune removes what that names; what is left then waits for another event. */
export const removalMs = 3_600_000;

/** @throws STORE_UNAVAILABLE, STORE_DENIED */
export async function readPruned(request: PruneEventsRequest): Promise<PrunedRefs> {
  const { store, server, owner, sinceMs, signal } = request;
  const prefix = `events/${server}/${owner}/`;
  const keys: string[] = [];
  let after = sinceMs === undefined ? undefined : `${prefix}${compactUtc(sinceMs)}`;
  do {
    const page = await store.list({ prefix, ...(after === undefined ? {} : { after }), signal });
    keys.push(...page.objects.map(({ key }) => key));
    after = page.next ?? undefined;
  } while (after !== undefined);
  return readPruneEvents(request, keys);
}

/** Of these keys, those of prune events. @throws STORE_UNAVAILABLE, STORE_DENIED */
export async function readPruneEvents(
  { provider, trust, signal }: Pick<PruneEventsRequest, 'provider' | 'trust' | 'signal'>,
  keys: readonly string[],
): Promise<PrunedRefs> {
  const removed: PrunedRef[] = [];
  const missing: MissingRef[] = [];
  const [unreadable, distrusted]: [string[], string[]] = [[], []];
  await eachLimited(keys, readsAtOnce, async (key) => {
    const name = parseEventKey(key);
    if (name?.kind !== 'prune') return;
    const found = await readEventObject(provider, key, name, signal);
    if (found !== null && trust !== undefined && standingOf(found, trust) !== 'trusted') {
      distrusted.push(key);
      return;
    }
    const refs = found?.event['removed'];
    if (!Array.isArray(refs)) {
      unreadable.push(key);
      return;
    }
    const { known = [], numbers = [] } = Object.groupBy(refs.filter(isRef), ({ id }) =>
      id === '' ? 'numbers' : 'known',
    );
    removed.push(...known.map(bare));
    missing.push(...numbers.map(({ lineage, sequence }) => ({ lineage, sequence })));
  });
  return { removed, missing, unreadable, distrusted };
}

/** Written beside what was removed: the number is all that is known of it. */
export const missingRef = ({ lineage, sequence }: MissingRef): SnapshotRef => ({
  ...{ id: '', lineage, sequence, digest: '' },
});

const bare = ({ id, lineage, sequence, digest, indexes }: PrunedRef): PrunedRef => ({
  ...{ id, lineage, sequence, digest },
  ...(Array.isArray(indexes) ? { indexes } : {}),
});

function isRef(value: unknown): value is SnapshotRef {
  if (typeof value !== 'object' || value === null) return false;
  const { id, lineage, sequence, digest } = value as Partial<SnapshotRef>;
  return [id, lineage, digest].every((one) => typeof one === 'string') && Number.isSafeInteger(sequence);
}
