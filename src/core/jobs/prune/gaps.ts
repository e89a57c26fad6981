/**
 * Snapshots of an account that the store does not list, though nothing says that they were let go.
 *
 * A listing that leaves something out looks like a store that has no more. So nothing of such an account goes until
 * what is missing is there again, or somebody has said that it is lost for good: then an event names it.
 */

import { parseManifestKey } from '../../archive/keys.ts';
import { Erasures } from '../erasures.ts';
import { writeEvent } from '../events.ts';
import { missingRef, readPruned } from '../prune-events.ts';
import { type HistoryProblem, linkOf, verifyHistories } from '../verify-history.ts';
import { explainedNumbers } from './known-events.ts';
import type { ReadGroup, ReadManifest } from './read-group.ts';
import type { PruneRequest } from './types.ts';

export interface Gap extends Pick<HistoryProblem, 'message' | 'missing'> {}

interface Others extends Pick<ReadGroup, 'damaged'> {
  readonly isStrange: (one: ReadManifest) => boolean;
}

interface Place {
  readonly owner: string;
  /** Null where the store does not tell. */
  readonly storeId: string | null;
}

/** @param newest the highest revision of each snapshot of the account that can be read */
export async function gapsOf(
  request: PruneRequest,
  { owner, storeId }: Place,
  newest: readonly ReadManifest[],
  { isStrange, damaged }: Others,
): Promise<readonly Gap[]> {
  const { trust, ...anybody } = request;
  const trusted = newest.filter((one) => !isStrange(one));
  // Where nobody who is trusted has signed any, there is nothing else to go by.
  const links = trusted.length > 0 ? trusted : newest;
  const listed = [...newest.filter(isStrange).map(({ stored }) => stored), ...damaged].flatMap(({ key }) => {
    const name = parseManifestKey(key);
    return name === null ? [] : [{ ...name, key }];
  });
  const whose = trusted.length > 0 ? request : anybody;
  const found = await verifyHistories({
    ...whose,
    storeId,
    prunedOf: (place) => explainedNumbers(whose, { ...place, storeId }),
    links: links.map(({ snapshot }) => linkOf(snapshot)),
    unreadable: listed,
    remembered: rememberedOf(request, owner),
  });
  return found.filter(({ kind }) => kind === 'gap' || kind === 'lost');
}

/**
 * Of an account that has objects and no snapshot. A first backup that was cut short leaves it so, and so does an
 * erasure; whatever else prune lets go, the newest good snapshot stays.
 */
export async function gapsWithoutSnapshots(request: PruneRequest, place: Place): Promise<readonly Gap[]> {
  const remembered = await gapsOf(request, place, [], { isStrange: () => false, damaged: [] });
  if (remembered.length > 0) return remembered;
  const { server } = request;
  const { removed } = await readPruned({ ...request, ...place });
  if (removed.length === 0) return [];
  const erased = await new Erasures(request).ids(server, place.owner);
  if (erased.size > 0) return [];
  return [{ message: 'snapshots were pruned and the newest, which prune never removes, is missing' }];
}

const rememberedOf = ({ remembered = [], server }: PruneRequest, owner: string) =>
  remembered.filter((one) => one.server === server && one.owner === owner);

/** Says in an event that these are lost, so that neither prune nor verify asks again. */
export async function acceptGaps(
  { provider, server, addin, world, signal }: PruneRequest,
  owner: string,
  gaps: readonly Gap[],
): Promise<void> {
  const missing = gaps.flatMap((gap) => gap.missing ?? []);
  if (missing.length === 0) return;
  const reason = 'was missing, and accepted as lost';
  const removed = missing.map((one) => ({ ...missingRef(one), key: '', reason }));
  await writeEvent(provider, { kind: 'prune', server, owner, addin, removed }, world, signal);
}
