/**
 * Which snapshots, and whose: from what was typed to manifests.
 *
 * The store alone is enough: state and panel only make the search shorter, or know names that no manifest
 * has. Where this server has snapshots in the store, those of other servers are looked at only by full id
 * or UUID.
 */

import { identityMissing } from '../core/archive/locked-body.ts';
import type { KeyedProvider } from '../core/encryption/keyed-provider.ts';
import { HoldfastError, isHoldfastError } from '../core/errors.ts';
import type { Account, Store } from '../core/index.ts';
import {
  type AnySnapshot,
  type ListedSnapshot,
  listSnapshots,
  opened,
  readSoundSnapshot,
  type Snapshot,
} from '../core/jobs/catalog.ts';
import { findAnySnapshot } from '../core/jobs/find-snapshot.ts';
import { newestCandidates, newestOf } from '../core/jobs/newest-snapshot.ts';
import { withNewestTrusted } from '../core/jobs/newest-trusted.ts';
import { resolveAccount } from '../core/jobs/resolve-accounts.ts';
import type { Trust } from '../core/jobs/trust.ts';
import { quoted } from '../core/printable.ts';
import { present } from '../core/state/account-records.ts';
import { isUuid } from '../core/state/server-identity.ts';
import type { State } from '../core/state/state.ts';

export interface Search {
  readonly store: Store;
  readonly provider: KeyedProvider;
  /** Whose signatures count: a revision of anybody else hides none of ours. Left out: everybody's. */
  readonly trust?: Trust;
  readonly state: State | null;
  /** Rejects where the panel cannot be read. */
  readonly panelAccounts: () => Promise<readonly Account[]>;
  readonly signal: AbortSignal;
}

/** Of this server under all its UUIDs, else of every server; each server's by owner and sequence. */
export async function listCandidates(search: Search, owner: string | null): Promise<ListedSnapshot[]> {
  const mine = await ofThisServer(search, owner);
  return mine.length > 0 ? mine : ofAnyServer(search, owner);
}

async function ofThisServer(
  { store, state, signal }: Search,
  owner: string | null,
): Promise<ListedSnapshot[]> {
  const servers = state === null ? [] : [...state.server.previous, state.server].map(({ uuid }) => uuid);
  const where = owner === null ? {} : { owner };
  const lists = await Promise.all(
    servers.map((server) => listSnapshots(store, { server, ...where }, signal)),
  );
  return lists.flat();
}

const ofAnyServer = ({ store, signal }: Search, owner: string | null): Promise<ListedSnapshot[]> =>
  listSnapshots(store, owner === null ? {} : { owner }, signal);

/**
 * UUID of the account that a site, domain, alias or UUID means.
 *
 * @throws ACCOUNT_NOT_FOUND nothing knows it
 * @throws USAGE it fits several accounts
 */
export async function ownerOf(search: Search, wanted: string): Promise<string> {
  const name = wanted.toLowerCase();
  if (isUuid(name)) return name;
  return (
    fromState(search.state, wanted) ??
    (await fromPanel(search, wanted)) ??
    (await fromManifests(search, wanted))
  );
}

function fromState(state: State | null, wanted: string): string | null {
  if (state === null) return null;
  const holders = state.sites();
  for (const [uuid, site] of holders) if (site === wanted) return uuid;
  const name = wanted.toLowerCase();
  const found = state
    .accounts()
    .filter((record) => holders.has(record.uuid) && present(record).domain?.toLowerCase() === name);
  return found.length === 1 ? found[0]!.uuid : null;
}

/** Of the live account of that name, where it has one. */
export async function fromPanel({ state, panelAccounts }: Search, wanted: string): Promise<string | null> {
  if (state === null) return null;
  try {
    const account = resolveAccount(await panelAccounts(), wanted, state.sites());
    return await state.knownAccountId(account);
  } catch (error) {
    // An account that is gone, or a panel that is: manifests may still know it.
    if (isHoldfastError(error) && error.code !== 'USAGE') return null;
    throw error;
  }
}

/** Reads the newest manifest of every owner: slow, and the last resort on a machine that knows nothing. */
async function fromManifests(search: Search, wanted: string): Promise<string> {
  const name = wanted.toLowerCase();
  const { snapshots } = await readNewestOfEach(search);
  const found = snapshots.flatMap((snapshot) => {
    if (snapshot.body === null) return [];
    const { site, domain, aliases } = snapshot.body.account;
    const names = [domain ?? '', ...aliases].map((one) => one.toLowerCase());
    return site === wanted || names.includes(name) ? [snapshot.header.owner] : [];
  });
  if (found.length === 1) return found[0]!;
  if (found.length === 0) {
    throw new HoldfastError('ACCOUNT_NOT_FOUND', `no snapshot and no account is called ${quoted(wanted)}`, {
      hint: 'Run holdfast snapshots, or holdfast accounts, to see what there is.',
    });
  }
  throw new HoldfastError('USAGE', `${quoted(wanted)} fits several accounts: ${found.join(', ')}`, {
    hint: 'Name the account by its UUID.',
  });
}

export interface ReadResult {
  readonly listed: ListedSnapshot;
  /** Perhaps locked. */
  readonly snapshot: AnySnapshot | null;
  /** OBJECT_DAMAGED, OBJECT_MISSING or FORMAT_UNSUPPORTED where it could not be read. */
  readonly error: HoldfastError | null;
}

const damage: readonly string[] = ['OBJECT_DAMAGED', 'OBJECT_MISSING', 'FORMAT_UNSUPPORTED'];

/** All manifests, several at a time, in the order of the list. A damaged one stops nothing. */
export async function readEach(
  { provider, trust, signal }: Pick<Search, 'provider' | 'trust' | 'signal'>,
  listed: readonly ListedSnapshot[],
): Promise<ReadResult[]> {
  const results: ReadResult[] = [];
  let next = 0;
  const reader = async (): Promise<void> => {
    for (let i = next++; i < listed.length; i = next++) {
      const one = listed[i]!;
      try {
        results[i] = {
          listed: one,
          snapshot: await readSoundSnapshot(provider, one, signal, trust),
          error: null,
        };
      } catch (error) {
        if (!isHoldfastError(error) || !damage.includes(error.code)) throw error;
        results[i] = { listed: one, snapshot: null, error };
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, reader));
  return results;
}

/** The newest snapshot of every owner; instead of it what is damaged or locked, where that may be the newest. */
export async function readNewestOfEach(search: Search): Promise<{
  readonly snapshots: readonly Snapshot[];
  readonly damaged: readonly { readonly key: string; readonly error: HoldfastError }[];
}> {
  const owners = Map.groupBy(await listCandidates(search, null), ({ owner }) => owner);
  const read = await readEach(search, [...owners.values()].flatMap(newestCandidates));
  const snapshots: Snapshot[] = [];
  const damaged: { key: string; error: HoldfastError }[] = [];
  for (const results of Map.groupBy(read, ({ listed }) => listed.owner).values()) {
    const bad = results.flatMap(({ listed, error }) => (error === null ? [] : [{ key: listed.key, error }]));
    damaged.push(...bad);
    const newest = newestOf(results.flatMap(({ snapshot }) => (snapshot === null ? [] : [snapshot])));
    if (bad.length > 0 || newest === null) continue;
    const { body, key } = newest;
    if (body !== null) snapshots.push({ ...newest, body });
    else damaged.push({ key, error: identityMissing(`snapshot ${newest.name}`) });
  }
  return { snapshots, damaged };
}

/**
 * The snapshot that SNAPSHOT and `--account` name.
 *
 * @throws SNAPSHOT_NOT_FOUND, ACCOUNT_NOT_FOUND, IDENTITY_MISSING, IDENTITY_WRONG
 * @throws USAGE `latest` without an account
 */
export async function resolveSnapshot(
  search: Search,
  wanted: string,
  account: string | undefined,
): Promise<Snapshot> {
  const { provider, signal } = search;
  return opened(provider, await resolveAnySnapshot(search, wanted, account), signal);
}

/** As `resolveSnapshot`, for what needs no more than the clear header. */
export async function resolveAnySnapshot(
  search: Search,
  wanted: string,
  account: string | undefined,
): Promise<AnySnapshot> {
  const { provider, signal, trust } = search;
  requireAccount(wanted, account);
  if (account !== undefined) {
    const listed = await listCandidates(search, await ownerOf(search, account));
    try {
      return await findAnySnapshot(provider, listed, wanted, signal, trust);
    } catch (error) {
      throw await withNewestTrusted(error, provider, listed, trust, signal);
    }
  }
  const guess = ownerInId(search.state, wanted);
  for (const candidates of [
    ...(guess === null ? [] : [() => ofThisServer(search, guess)]),
    () => ofThisServer(search, null),
  ]) {
    try {
      return await findAnySnapshot(provider, await candidates(), wanted, signal, trust);
    } catch (error) {
      const unknown = isHoldfastError(error) && error.code === 'SNAPSHOT_NOT_FOUND';
      if (!unknown) throw error;
    }
  }
  return findAnySnapshot(provider, await ofAnyServer(search, null), wanted, signal, trust);
}

/** An id begins with its site, and the state may know whose that is now. */
function ownerInId(state: State | null, wanted: string): string | null {
  const site = /^(.+)-\d{8}T/.exec(wanted)?.[1];
  if (site === undefined || state === null) return null;
  for (const [uuid, holds] of state.sites()) if (holds === site) return uuid;
  return null;
}

/** Before any store is opened: a wrong line is a wrong line wherever it would read. @throws USAGE */
export function requireAccount(wanted: string, account: unknown): void {
  if (wanted === 'latest' && account === undefined) {
    throw new HoldfastError('USAGE', '"latest" needs an account', { hint: 'Add --account A.' });
  }
}
