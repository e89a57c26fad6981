/**
 * Tries identities on the newest snapshot of each account: on its manifest, on every key that objects it
 * refers to need, and on the root of its index. Reads no data.
 */

import { parseObjectKey } from '../../archive/keys.ts';
import type { Provider } from '../../contracts/provider.ts';
import type { Store } from '../../contracts/store.ts';
import type { Identity } from '../../encryption/identities.ts';
import { openKeyRing } from '../../encryption/key-ring.ts';
import { type KeyedProvider, type KeyRing, withKeys } from '../../encryption/keyed-provider.ts';
import { listKeys } from '../../encryption/owner-keys.ts';
import { isHoldfastError } from '../../errors.ts';
import {
  type AnySnapshot,
  isUnusable,
  type ListedSnapshot,
  listSnapshots,
  readSoundSnapshot,
} from '../catalog.ts';
import { eachLimited } from '../each-limited.ts';
import { protectionOf, readProtections } from '../events.ts';
import { openIndex } from '../index-reader.ts';
import { newestCandidates, newestOf } from '../newest-snapshot.ts';
import { standingOf, type Trust } from '../trust.ts';

export interface CheckKeysRequest {
  readonly store: Store;
  readonly provider: Provider;
  /** At least one. */
  readonly identities: readonly Identity[];
  /** UUIDs of servers; null for all that have snapshots in the store. */
  readonly servers: readonly string[] | null;
  readonly nowMs: number;
  /** Whose snapshots and erasures count; left out, or without any key: everybody's. */
  readonly trust?: Trust;
  readonly signal: AbortSignal;
}

/**
 * - `wrong-key`: none of the identities opens a key object that is needed.
 * - `no-key`: a key object is gone, and no erasure says why.
 */
export type KeyResult = 'opens' | 'plain' | 'wrong-key' | 'no-key' | 'erased' | 'damaged';

export interface CheckedAccount {
  readonly server: string;
  readonly owner: string;
  /** Site of the account, where the snapshot could be opened. */
  readonly site: string | null;
  /** Id, or its twelve digits where the snapshot stays closed. */
  readonly snapshot: string;
  readonly epoch: number | null;
  readonly result: KeyResult;
  readonly message: string | null;
}

const accountsAtOnce = 8;

/** By server and owner. @throws STORE_UNAVAILABLE, STORE_DENIED */
export async function checkKeys(request: CheckKeysRequest): Promise<CheckedAccount[]> {
  const { store, servers, signal } = request;
  const listed =
    servers === null
      ? await listSnapshots(store, {}, signal)
      : (await Promise.all(servers.map((server) => listSnapshots(store, { server }, signal)))).flat();
  const accounts = [...Map.groupBy(listed, ({ server, owner }) => `${server}/${owner}`)].sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const keys = openKeyRing(request);
  const results: CheckedAccount[] = [];
  await eachLimited([...accounts.entries()], accountsAtOnce, async ([index, [, ofOwner]]) => {
    results[index] = await checkAccount(request, keys, ofOwner);
  });
  return results;
}

async function checkAccount(
  request: CheckKeysRequest,
  keys: KeyRing,
  listed: readonly ListedSnapshot[],
): Promise<CheckedAccount> {
  const { provider } = request;
  const last = newestCandidates(listed, request.nowMs).at(-1)!;
  const about = { server: last.server, owner: last.owner, site: null, snapshot: last.id, epoch: null };
  try {
    const { snapshot, passedOver } = await newestSound(request, withKeys(provider, { keys }), listed);
    const found = await judged(request, keys, snapshot);
    const message =
      found.message ?? (passedOver ? 'newer ones are damaged or not trusted: see verify' : null);
    return { ...found, message };
  } catch (error) {
    if (!isHoldfastError(error) || !/^(?:OBJECT|FORMAT)_/.test(error.code)) throw error;
    return { ...about, result: 'damaged', message: error.message };
  }
}

/**
 * The newest that can be read and is trusted, where there is any: what somebody has put above it says nothing about
 * our keys. Else the newest that can be read.
 *
 * @throws OBJECT_DAMAGED, OBJECT_MISSING, FORMAT_UNSUPPORTED none can be read
 */
async function newestSound(
  { trust, nowMs, signal }: CheckKeysRequest,
  provider: KeyedProvider,
  listed: readonly ListedSnapshot[],
): Promise<{ readonly snapshot: AnySnapshot; readonly passedOver: boolean }> {
  const rest = new Map(listed.map((one) => [one.key, one]));
  let strange: AnySnapshot | null = null;
  let failure: unknown = null;
  while (rest.size > 0) {
    const read: (readonly [string, AnySnapshot])[] = [];
    const candidates = newestCandidates([...rest.values()], nowMs);
    for (const one of candidates) {
      try {
        read.push([one.key, await readSoundSnapshot(provider, one, signal, trust)]);
      } catch (error) {
        if (!isUnusable(error)) throw error;
        failure ??= error;
        rest.delete(one.key);
      }
    }
    const snapshot = newestOf(
      read.map(([, one]) => one),
      nowMs,
    );
    // Without those that cannot be read others may be the newest.
    if (snapshot === null || read.length < candidates.length) continue;
    if (trust === undefined || trust.keys.size === 0 || standingOf(snapshot, trust) === 'trusted') {
      return { snapshot, passedOver: failure !== null || strange !== null };
    }
    strange ??= snapshot;
    for (const [key, one] of read) if (one === snapshot) rest.delete(key);
  }
  if (strange === null) throw failure;
  return { snapshot: strange, passedOver: failure !== null };
}

async function judged(
  request: CheckKeysRequest,
  keys: KeyRing,
  snapshot: AnySnapshot,
): Promise<CheckedAccount> {
  const { header, body, name } = snapshot;
  const { server, owner, encryption } = header;
  const about = {
    server,
    owner,
    site: body?.account.site ?? null,
    snapshot: body === null ? header.id : name,
    epoch: encryption?.epoch ?? null,
  };
  const problem = body === null ? await whyLocked(request, snapshot) : await whyIncomplete(keys, snapshot);
  if (problem !== null) return { ...about, ...problem };
  if (body !== null)
    await openIndex(withKeys(request.provider, { keys }), { ...snapshot, body }, request.signal);
  return { ...about, result: encryption === undefined ? 'plain' : 'opens', message: null };
}

type Problem = Pick<CheckedAccount, 'result' | 'message'>;

async function whyLocked(request: CheckKeysRequest, { header }: AnySnapshot): Promise<Problem> {
  const { server, owner, id, encryption } = header;
  const there = await listKeys(request.store, { server, owner }, request.signal);
  if (there.some(({ epoch, pair }) => epoch === encryption?.epoch && pair === encryption.pair)) {
    return { result: 'wrong-key', message: `no identity opens epoch ${encryption?.epoch} of the account` };
  }
  const protections = await readProtections(request, { server, owner }, request.signal);
  const { erasure } = protectionOf(protections, id, request.nowMs);
  if (erasure !== null) return { result: 'erased', message: erasure };
  const gone = `the key object of epoch ${encryption?.epoch} is gone`;
  const after = protections.erasures.some(({ at }) => at < header.startedAt);
  const stale = 'it was erased before this snapshot was made: run key erase --local on that server';
  return { result: 'no-key', message: after ? `${gone}; ${stale}` : gone };
}

/** Objects of earlier snapshots may need keys of earlier epochs. */
async function whyIncomplete(keys: KeyRing, { header }: AnySnapshot): Promise<Problem | null> {
  const needed = new Map<string, { server: string; owner: string; epoch: number }>();
  for (const { key, epoch } of [...header.objects, ...header.references]) {
    const place = epoch === undefined ? null : parseObjectKey(key);
    if (place === null || epoch === undefined) continue;
    const { server, owner } = place;
    needed.set(`${server}/${owner}/${epoch}`, { server, owner, epoch });
  }
  for (const place of needed.values()) {
    try {
      await keys.pairs(place);
    } catch (error) {
      if (!isHoldfastError(error) || !/^(?:IDENTITY|OBJECT)_/.test(error.code)) throw error;
      const gone = error.code === 'OBJECT_MISSING';
      const what = `objects it refers to are of epoch ${place.epoch}: ${error.message}`;
      return { result: gone ? 'no-key' : 'wrong-key', message: what };
    }
  }
  return null;
}
