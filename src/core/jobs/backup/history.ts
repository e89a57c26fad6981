/**
 * The snapshots of one account that one addin configuration made.
 *
 * Keys of manifests do not name the configuration, so each manifest is read once; the state remembers the
 * answer. Without the state the store alone gives the same, only slower.
 */

import { highestSequence } from '../../archive/keys.ts';
import type { ManifestHeader } from '../../archive/manifest.ts';
import { nextNumber } from '../../archive/next-number.ts';
import { isHoldfastError } from '../../errors.ts';
import { type LastSnapshot, type RememberedLineage, readLineage } from '../../state/lineages.ts';
import type { Measures } from '../../state/measures.ts';
import type { OpenAddin } from '../addin.ts';
import { type ListedSnapshot, listSnapshots, readSoundSnapshot } from '../catalog.ts';
import { eachLimited } from '../each-limited.ts';
import { readMeasures } from '../findings/measures.ts';
import type { ParentCache } from '../parents/parent-cache.ts';
import { standingOf, type Trust } from '../trust.ts';

export interface HistoryRequest {
  readonly addin: Pick<OpenAddin, 'id' | 'store' | 'provider'>;
  readonly server: string;
  readonly owner: string;
  readonly stateDir: string;
  readonly trust: Trust;
  readonly signal: AbortSignal;
}

export interface OwnHistory {
  /** Oldest first; where the store cannot be read, those of the cache. */
  readonly items: readonly ListedSnapshot[];
  /** The newest whose manifest can be read and is trusted. */
  readonly last: LastSnapshot | null;
  /** Above that of every snapshot of ours there is or was, also of one that cannot be read. */
  readonly nextSequence: number;
  /** Key epoch of the newest; 0 where that is plain or not known. */
  readonly lastEpoch: number;
  /** Ids of the account's snapshots that other configurations made. */
  readonly foreign: readonly string[];
  /** Numbers of the newest, oldest first. */
  readonly recent: readonly Measures[];
  /** The store cannot be asked whether it has one more: nothing is to follow on any of them. */
  readonly inDoubt: boolean;
  /** What the state knew before. */
  readonly remembered: RememberedLineage | null;
  /** Its last, where the store does not list it or it cannot be read, and `last` is of another lineage, or earlier. */
  readonly lost: LastSnapshot | null;
}

const readsAtOnce = 8;

/**
 * Writes nothing.
 *
 * @param cache tells of a store that cannot be read what there is to refer to
 * @throws OBJECT_DAMAGED no sequence is left
 */
export async function ownHistory(
  request: HistoryRequest,
  cache: Pick<ParentCache, 'listed'> | null = null,
): Promise<OwnHistory> {
  const { addin, server, owner, stateDir, signal } = request;
  const remembered = await readLineage(stateDir, addin.id, owner);
  if (addin.store.capabilities.putOnly) {
    const inDoubt = remembered?.inDoubt ?? false;
    const last = inDoubt ? null : (remembered?.last ?? null);
    const recent = remembered?.recent ?? [];
    // The newest there is the only one sure to be whole, and without its digest nobody knows which that is.
    const items = last === null ? [] : (cache?.listed(last) ?? []);
    const nextSequence = next(request, last?.sequence ?? 0, []);
    return {
      ...{ items, last, nextSequence, lastEpoch: 0, foreign: [], recent, inDoubt, remembered },
      lost: null,
    };
  }
  const listed = await listSnapshots(addin.store, { server, owner }, signal);
  const isOwn = new Map<string, boolean>();
  for (const id of remembered?.own ?? []) isOwn.set(id, true);
  for (const id of remembered?.foreign ?? []) isOwn.set(id, false);
  const strange = new Map<string, ManifestHeader>();
  await eachLimited(
    listed.filter(({ id }) => !isOwn.has(id)),
    readsAtOnce,
    async (one) => {
      const found = await readHeader(request, one);
      if (found?.trusted === true) isOwn.set(one.id, found.header.addin.id === addin.id);
      else if (found !== null) strange.set(one.key, found.header);
    },
  );
  const own = listed.filter(({ id }) => isOwn.get(id) === true);
  const foreign = listed.flatMap(({ id }) => (isOwn.get(id) === false ? [id] : []));
  for (let i = own.length - 1; i >= 0; i--) {
    const found = await readHeader(request, own[i]!);
    if (found?.trusted !== true) continue;
    const last = found.header;
    const known = [...(remembered?.former ?? []), ...(remembered === null ? [] : [remembered.last])]
      .filter(({ lineage }) => lineage === last.lineage)
      .map(({ sequence }) => sequence);
    // A stranger's counts where it says that it is of this lineage: two of one sequence would not be told apart.
    const taken = listed.filter(
      ({ id, key }) =>
        isOwn.get(id) !== false && (strange.get(key)?.lineage ?? last.lineage) === last.lineage,
    );
    const sequences = taken.map(({ sequence }) => sequence);
    const nextSequence = next(request, Math.max(...known, last.sequence), sequences);
    const items = own.slice(0, i + 1);
    const recent = remembered?.recent ?? (await readMeasures(addin.provider, items, signal));
    const isListed = listed.some(({ id }) => id === remembered?.own.at(-1));
    const isOther = remembered !== null && remembered.last.lineage !== last.lineage;
    const isEarlier = !isOther && remembered !== null && remembered.last.sequence > last.sequence;
    return {
      items,
      last,
      nextSequence,
      lastEpoch: last.encryption?.epoch ?? 0,
      foreign,
      recent,
      inDoubt: false,
      remembered,
      lost: isEarlier || (isOther && !isListed) ? remembered.last : null,
    };
  }
  const none = { items: [], last: null, nextSequence: 1, lastEpoch: 0, foreign, recent: [], inDoubt: false };
  return { ...none, remembered, lost: remembered?.last ?? null };
}

const next = (
  { server, owner }: Pick<HistoryRequest, 'server' | 'owner'>,
  last: number,
  taken: readonly number[],
): number => nextNumber({ last, highest: highestSequence }, taken, `manifests/${server}/${owner}/`);

/**
 * Null where it is damaged or gone, which must not stop new backups; `verify` reports it. So it is where somebody who is
 * not trusted says that it needs a newer release.
 */
async function readHeader(
  { addin, trust, signal }: HistoryRequest,
  listed: ListedSnapshot,
): Promise<{ readonly header: ManifestHeader; readonly trusted: boolean } | null> {
  try {
    const snapshot = await readSoundSnapshot(addin.provider, listed, signal, trust);
    return { header: snapshot.header, trusted: standingOf(snapshot, trust) === 'trusted' };
  } catch (error) {
    if (!isHoldfastError(error) || !/^OBJECT_(DAMAGED|MISSING)$/.test(error.code)) throw error;
    return null;
  }
}
