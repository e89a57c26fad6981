/**
 * Snapshots of an account that the store does not list, though nothing says that they were let go.
 *
 * A listing that leaves something out looks like a store that has no more. So nothing of such an account goes until
 * what is missing is there again, or somebody has said that it is lost for good: then an event names it.
 */

import { parseManifestKey } from '../../archive/keys.ts';
import type { ObjectInfo } from '../../contracts/store.ts';
import { Erasures } from '../erasures.ts';
import { writeEvent } from '../events.ts';
import { missingRef, readPruned } from '../prune-events.ts';
import { type HistoryProblem, linkOf, type Remembered, verifyHistories } from '../verify-history.ts';
import { walk } from '../walk.ts';
import { explainedNumbers } from './known-events.ts';
import type { ReadGroup, ReadManifest } from './read-group.ts';
import type { AcceptedGap, PruneRequest } from './types.ts';
import { type Listed, type OwnerGroup, unlistedOf } from './unlisted.ts';

export interface Gap extends Pick<HistoryProblem, 'message' | 'missing'> {
  /** The store has it all the same, so nobody can accept that it is lost. */
  readonly isThere?: true;
  /** No event can name it: what tells of it, objects that nothing names, has to go. */
  readonly bySign?: true;
}

interface Others extends Pick<ReadGroup, 'manifests' | 'damaged'> {
  readonly isStrange: (one: ReadManifest) => boolean;
}

interface Place extends OwnerGroup, Pick<Listed, 'graceFromMs'> {
  /** Null where the store does not tell. */
  readonly storeId: string | null;
}

/** @param newest the highest revision of each snapshot of the account that can be read */
export async function gapsOf(
  request: PruneRequest,
  { storeId, graceFromMs, ...group }: Place,
  newest: readonly ReadManifest[],
  { isStrange, manifests, damaged }: Others,
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
    remembered: rememberedOf(request, group.owner),
  });
  // Where there is none at all, that nobody trusted has signed any says nothing.
  const asked = newest.length === 0 ? request : whose;
  const isKnown = hasLast(rememberedOf(request, group.owner), links);
  const unlisted = await unlistedOf(asked, {
    group,
    manifests,
    newest: links,
    damaged,
    graceFromMs,
    isKnown,
  });
  const gaps: Gap[] = found.filter(({ kind }) => kind === 'gap' || kind === 'lost');
  if (unlisted === null) return gaps;
  const sign: Gap = { ...unlisted, bySign: true };
  const [first, ...others] = gaps;
  if (first === undefined || unlisted.isThere === true) return [...gaps, sign];
  // As one: whoever accepts what is missing reads all of it.
  return [{ ...sign, ...first, message: `${first.message}; ${unlisted.message}` }, ...others];
}

/**
 * Of an account that has objects and no snapshot. A first backup that was cut short leaves it so, and so does an
 * erasure; whatever else prune lets go, the newest good snapshot stays.
 */
export async function gapsWithoutSnapshots(
  request: PruneRequest,
  { owner, ...about }: Pick<Place, 'owner' | 'storeId' | 'graceFromMs'>,
): Promise<readonly Gap[]> {
  const { store, server, signal } = request;
  const group = { server, owner, objects: [], indexes: [] };
  const none = { isStrange: () => false, manifests: [], damaged: [] };
  const remembered = await gapsOf(request, { ...about, ...group }, [], none);
  if (remembered.length > 0) return remembered;
  const erased = await new Erasures(request).ids(server, owner);
  if (erased.size > 0) return [];
  const { removed } = await readPruned({ ...request, server, owner });
  const message = 'snapshots were pruned and the newest, which prune never removes, is missing';
  if (removed.length > 0) return [{ message, bySign: true }];
  const indexes: ObjectInfo[] = [];
  for await (const one of walk(store, `index/${server}/${owner}/`, signal)) indexes.push(one);
  return gapsOf(request, { ...about, ...group, indexes }, [], none);
}

/** Those that forbid removing anything of the account. */
export const openGaps = ({ acceptGaps }: PruneRequest, gaps: readonly Gap[]): readonly Gap[] =>
  acceptGaps === true ? gaps.filter(({ isThere }) => isThere === true) : gaps;

/** How far it is accepted that something is lost: an event says so, and also what tells of it is gone. */
export interface Acceptance {
  readonly said: boolean;
  readonly gone: boolean;
}

/** The others, for the report. */
export const takenAsLost = (
  request: PruneRequest,
  { owner, site, gaps }: { readonly owner: string; readonly site: string; readonly gaps: readonly Gap[] },
  { said, gone }: Acceptance,
): readonly AcceptedGap[] => {
  const open = new Set(openGaps(request, gaps));
  return gaps
    .filter((gap) => !open.has(gap))
    .map(({ message, bySign }) => ({ owner, site, message, accepted: said && (gone || bySign !== true) }));
};

/** This server knows what it made last of the account, and the store lists it as the newest of each configuration. */
function hasLast(remembered: readonly Remembered[], links: readonly ReadManifest[]): boolean {
  const all = links.map(({ snapshot }) => snapshot.header);
  const isNewest = ({ addin, last, isFormer }: Remembered): boolean => {
    const lane = all.filter((one) => one.addin.id === addin && one.lineage === last.lineage);
    return isFormer !== true && Math.max(...lane.map(({ sequence }) => sequence)) === last.sequence;
  };
  const known = new Set(remembered.filter(isNewest).map(({ addin }) => addin));
  return all.length > 0 && all.every(({ addin }) => known.has(addin.id));
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
