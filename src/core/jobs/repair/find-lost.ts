/**
 * Which snapshots of one account a store has lost altogether, and a copy has: their manifests are not there, and nothing
 * says why.
 *
 * One that prune let go of, in the store or in the copy, is not lost, nor is one that an erasure names, whichever store
 * has it. It must be of this very store, as its header says, or what the state remembers as the last: what a copy took
 * from elsewhere was never here. Its number must be free, and what it belongs to must follow on what is there, so that
 * nothing comes back into a history that has gone on without it. Where an event of prune or of an erasure cannot be read,
 * or is not trusted, nobody can tell what was let go: then nothing comes back.
 */

import { type KeyedProvider, withKeys } from '../../encryption/keyed-provider.ts';
import { type AnySnapshot, isUnusable, type ListedSnapshot, readSoundSnapshot } from '../catalog.ts';
import { Erasures } from '../erasures.ts';
import { type PrunedRefs, readPruned } from '../prune-events.ts';
import { standingOf, trustsNobody } from '../trust.ts';
import { type HistoryLink, linkOf, type Remembered, verifyHistories } from '../verify-history.ts';
import type { CopiesAsked } from './copies-asked.ts';
import type { Manifests, Sound } from './examine.ts';
import type { RepairCopy, RepairRequest } from './types.ts';

/** All there is of one account, perhaps nothing. */
export interface AccountListing {
  readonly owner: string;
  readonly listed: readonly ListedSnapshot[];
}

export interface LostSnapshots {
  /** As a copy has them, oldest first. */
  readonly found: readonly Sound[];
  /** What is missing besides, in plain words. */
  readonly gaps: readonly string[];
}

/** @throws STORE_UNAVAILABLE, STORE_DENIED of the store that is mended */
export async function findLost(
  request: RepairRequest,
  copies: CopiesAsked,
  { owner, listed }: AccountListing,
  { sound, damaged, untrusted, erased }: Manifests,
): Promise<LostSnapshots> {
  const { store, provider, server, signal } = request;
  const { storeId } = copies;
  const whose = trustOf(request);
  let read: Promise<PrunedRefs> | null = null;
  // After the listing: prune writes its event first.
  const prunedOf = (): Promise<PrunedRefs> => {
    read ??= readPruned({ store, provider, server, owner, signal, ...whose });
    return read;
  };
  const links = [...sound.map(({ snapshot }) => snapshot), ...erased.map((header) => ({ header, name: '' }))];
  const remembered = (request.remembered ?? []).filter((one) => one.server === server && one.owner === owner);
  const history = { store, provider, storeId, remembered, prunedOf, signal, ...whose };
  const unreadable = [...damaged.map((one) => one.listed), ...untrusted];
  // What a copy has not is as a rule not copied yet, or was not to be: the next run sees to it.
  const isOrigin = request.isCopy !== true || sound.some(({ snapshot }) => snapshot.header.store === storeId);
  const lookup = { owner, listed, remembered, prunedOf };
  const candidates = isOrigin ? await candidatesOf(request, copies, lookup) : [];
  const known = links.map(linkOf);
  const doubts = candidates.length === 0 ? [] : await doubtsOf(request, copies, owner, await prunedOf());
  const last = remembered.map((one) => one.last.digest);
  const found =
    candidates.length === 0 || doubts.length > 0 ? [] : fitting(candidates, known, await prunedOf(), last);
  const all = [...known, ...found.map(({ snapshot }) => linkOf(snapshot))];
  const problems = await verifyHistories({ ...history, links: all, unreadable });
  const gaps = problems.filter(({ kind }) => kind === 'gap' || kind === 'lost');
  const untold = doubts.map(
    (key) => `what a copy has is not taken, since ${key} is damaged or not trusted, and may have let it go`,
  );
  return { found, gaps: [...gaps.map(({ message }) => message), ...untold] };
}

/** Keys of events that may say why something is gone, and do not count. */
async function doubtsOf(
  request: RepairRequest,
  copies: CopiesAsked,
  owner: string,
  { unreadable, distrusted }: PrunedRefs,
): Promise<readonly string[]> {
  const { server } = request;
  const erasures = await new Erasures(request).doubtful(server, owner);
  const ofCopies = await copies.eachListing(owner, async ({ store, provider }) => {
    const theirs = { store, provider, signal: request.signal, ...trustOf(request) };
    const pruned = await readPruned({ ...theirs, server, owner });
    return [
      ...pruned.unreadable,
      ...pruned.distrusted,
      ...(await new Erasures(theirs).doubtful(server, owner)),
    ];
  });
  return [...new Set([...unreadable, ...distrusted, ...erasures, ...ofCopies.flat()])];
}

interface Lookup extends AccountListing {
  readonly remembered: readonly Remembered[];
  readonly prunedOf: () => Promise<PrunedRefs>;
}

/** Of this store, trusted, and neither there nor let go. */
async function candidatesOf(
  request: RepairRequest,
  copies: CopiesAsked,
  { owner, listed, remembered, prunedOf }: Lookup,
): Promise<Sound[]> {
  const { server, trust } = request;
  const present = new Set(listed.map(({ id }) => id));
  const isAbsent = ({ id }: ListedSnapshot): boolean => !present.has(id);
  const given = await copies.eachListing(owner, async (copy, theirs) => ({
    copy,
    absent: theirs.filter(isAbsent),
  }));
  if (given.every(({ absent }) => absent.length === 0)) return [];
  const { removed, missing } = await prunedOf();
  const gone = new Set(removed.map(({ id }) => id));
  const erased = [await new Erasures(request).named(server, owner)];
  erased.push(...(await copies.eachListing(owner, (copy) => erasedIn(request, copy, owner))));
  const isLetGo = (id: string): boolean => gone.has(id) || erased.some((ids) => ids.has(id));
  const isOurs = ({ store, lineage, sequence, digest }: AnySnapshot['header']): boolean =>
    !missing.some((one) => one.lineage === lineage && one.sequence === sequence) &&
    (store === copies.storeId || remembered.some(({ last }) => last.digest === digest));
  const candidates = new Map<string, Sound>();
  await copies.eachListing(owner, async (copy, theirs) => {
    const open = theirs.filter((one) => isAbsent(one) && !isLetGo(one.id) && !candidates.has(one.id));
    if (open.length === 0) return;
    const goes = await prunedIn(request, copy, owner);
    const keyed = withKeys(copy.provider, { keys: request.provider.keys ?? null });
    for (const one of open) {
      if (goes.has(one.id)) continue;
      const snapshot = await readFrom(request, keyed, one);
      if (snapshot === null || !isOurs(snapshot.header)) continue;
      if (trust !== undefined && standingOf(snapshot, trust) !== 'trusted') continue;
      const revision = [one, ...(one.earlier ?? [])].find(({ key }) => key === snapshot.key)!;
      candidates.set(one.id, { snapshot, listed: revision });
    }
  });
  return [...candidates.values()];
}

const trustOf = ({ trust }: RepairRequest): Pick<RepairRequest, 'trust'> =>
  trust === undefined || trustsNobody(trust) ? {} : { trust };

const erasedIn = (
  request: RepairRequest,
  { store, provider }: RepairCopy,
  owner: string,
): Promise<ReadonlySet<string>> =>
  new Erasures({ store, provider, signal: request.signal, ...trustOf(request) }).named(request.server, owner);

/** What goes from a copy may lack its objects before its manifest is gone. */
async function prunedIn(
  request: RepairRequest,
  { store, provider }: RepairCopy,
  owner: string,
): Promise<ReadonlySet<string>> {
  const { server, signal } = request;
  const { removed } = await readPruned({ store, provider, server, owner, signal, ...trustOf(request) });
  return new Set(removed.map(({ id }) => id));
}

/** Null where the copy has it damaged. */
async function readFrom(
  { trust, signal }: RepairRequest,
  provider: KeyedProvider,
  listed: ListedSnapshot,
): Promise<AnySnapshot | null> {
  try {
    return await readSoundSnapshot(provider, listed, signal, trust);
  } catch (error) {
    if (!isUnusable(error)) throw error;
    return null;
  }
}

/**
 * Those that follow on what is there. Judged are whole runs, each of which follows the one before: their numbers must be
 * free, no end may contradict what is there, and one must be proved by it, by the first number of all, or by what
 * the state remembers as the last. Where nothing of a lineage is there, nothing contradicts.
 */
function fitting(
  candidates: readonly Sound[],
  known: readonly HistoryLink[],
  { removed }: PrunedRefs,
  remembered: readonly string[],
): Sound[] {
  const isThere = (lane: string, number: number): boolean => linksAt(known, lane, number).length > 0;
  return runsOf(candidates).flatMap((run) => {
    const [first, last] = [linkOf(run[0]!.snapshot), linkOf(run.at(-1)!.snapshot)];
    const lane = laneOf(first);
    if (run.some(({ snapshot }) => isThere(lane, snapshot.header.sequence))) return [];
    const before = [
      ...linksAt(known, lane, first.sequence - 1),
      ...removed.filter((ref) => ref.lineage === first.lineage && ref.sequence === first.sequence - 1),
    ];
    const after = linksAt(known, lane, last.sequence + 1);
    const follows = before.some(({ digest }) => digest === first.previous);
    const isFollowed = after.some(({ previous }) => previous === last.digest);
    if ((before.length > 0 && !follows) || (after.length > 0 && !isFollowed)) return [];
    const isProved = follows || isFollowed || first.sequence === 1 || remembered.includes(last.digest);
    return isProved || !known.some((one) => laneOf(one) === lane) ? run : [];
  });
}

const laneOf = ({ addin, lineage }: Pick<HistoryLink, 'addin' | 'lineage'>): string => `${addin} ${lineage}`;

const linksAt = (links: readonly HistoryLink[], lane: string, number: number): readonly HistoryLink[] =>
  links.filter((one) => one.sequence === number && laneOf(one) === lane);

/** Each oldest first; of several that have one number those that follow one another. */
function runsOf(candidates: readonly Sound[]): Sound[][] {
  const runs: Sound[][] = [];
  for (const one of candidates.toSorted((a, b) => a.listed.sequence - b.listed.sequence)) {
    const link = linkOf(one.snapshot);
    const before = runs.find((run) => {
      const end = linkOf(run.at(-1)!.snapshot);
      const isNext = laneOf(end) === laneOf(link) && end.sequence + 1 === link.sequence;
      return isNext && end.digest === link.previous;
    });
    if (before === undefined) runs.push([one]);
    else before.push(one);
  }
  return runs;
}
