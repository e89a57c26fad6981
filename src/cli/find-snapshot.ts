/**
 * Which snapshots, and whose: from what was typed to manifests.
 *
 * The store alone is enough: state and panel only make the search shorter, or know names that no manifest
 * has. Where this server has snapshots in the store, those of other servers are looked at only by full id,
 * or where one of them is named.
 */

import { HoldfastError, isHoldfastError } from '../core/errors.ts';
import { type AnySnapshot, opened, type Snapshot } from '../core/jobs/catalog.ts';
import { Erasures } from '../core/jobs/erasures.ts';
import { findAnySnapshot } from '../core/jobs/find-snapshot.ts';
import { newestTrustedOfEach, withNewestTrusted } from '../core/jobs/newest-trusted.ts';
import { resolveAccount } from '../core/jobs/resolve-accounts.ts';
import { requireTrusted, type Trust, trustsNobody } from '../core/jobs/trust.ts';
import { printable, quoted } from '../core/printable.ts';
import { present } from '../core/state/account-records.ts';
import { accountOfDatabases, databasesOwner, ownerNames } from '../core/state/database-owners.ts';
import { isUuid } from '../core/state/server-identity.ts';
import type { State } from '../core/state/state.ts';
import { notesOfAhead } from './ahead-notes.ts';
import { hintOfLeftOut, tellOfLeftOut } from './left-out-notes.ts';
import { readNewestOfEach } from './read-each.ts';
import { listCandidates, namesAnother, ofAnyServer, ofThisServer, type Search } from './search.ts';

/**
 * UUID of the account that a site, domain, alias or UUID means, or of its databases where `.databases` follows: before
 * all else, so that no alias takes that name.
 *
 * @throws ACCOUNT_NOT_FOUND nothing knows it
 * @throws USAGE it fits several accounts
 */
export async function ownerOf(search: Search, wanted: string): Promise<string> {
  const name = wanted.toLowerCase();
  if (isUuid(name)) return name;
  const databases = await ofDatabases(search, wanted);
  if (databases !== null) return databases;
  // What others call an account only their manifests say, unless those are locked.
  const theirs = namesAnother(search) ? await orNull(fromManifests(search, wanted)) : null;
  return (
    theirs ??
    fromState(search.state, wanted) ??
    (await fromPanel(search, wanted)) ??
    (await fromManifests(search, wanted))
  );
}

async function ofDatabases(search: Search, wanted: string): Promise<string | null> {
  const account = accountOfDatabases(wanted);
  if (account === null) return null;
  const owner = await orNull(ownerOf(search, account));
  return owner === null ? null : databasesOwner(owner);
}

/** Null where nothing knows the account. */
async function orNull(search: Promise<string>): Promise<string | null> {
  try {
    return await search;
  } catch (error) {
    if (isHoldfastError(error) && error.code === 'ACCOUNT_NOT_FOUND') return null;
    throw error;
  }
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

/**
 * Reads the newest manifest of every owner: slow, and the last resort on a machine that knows nothing. What others than
 * those who are trusted call an account counts where nobody who is calls one so.
 */
async function fromManifests(search: Search, wanted: string): Promise<string> {
  const name = wanted.toLowerCase();
  const listed = await listCandidates(search, null);
  const { snapshots } = await readNewestOfEach(search, listed);
  const fits = (snapshot: AnySnapshot): string[] => {
    if (snapshot.body === null) return [];
    const { site, domain, aliases } = snapshot.body.account;
    // Those of databases only have the account's domain, but it means the account.
    const domains = accountOfDatabases(site) === null ? [domain ?? '', ...aliases] : [];
    const names = domains.map((one) => one.toLowerCase());
    return site === wanted || names.includes(name) ? [snapshot.header.owner] : [];
  };
  const sound = (await newestTrustedOfEach(search, listed, snapshots)).flatMap(fits);
  const found = sound.length > 0 ? sound : snapshots.flatMap(fits);
  if (found.length === 1) return found[0]!;
  if (found.length === 0) {
    const look = 'Run holdfast snapshots, or holdfast accounts, to see what there is.';
    const leftOut = await hintOfLeftOut(search);
    throw new HoldfastError('ACCOUNT_NOT_FOUND', `no snapshot and no account is called ${quoted(wanted)}`, {
      hint: leftOut === null ? look : `${look} ${leftOut}`,
    });
  }
  throw new HoldfastError('USAGE', `${quoted(wanted)} fits several accounts: ${found.join(', ')}`, {
    hint: 'Name the account by its UUID.',
  });
}

/** Why a snapshot is not trusted, with the newest of its account that is; null where it is. */
export async function whyDistrusted(
  search: Search,
  trust: Trust,
  snapshot: Pick<AnySnapshot, 'header' | 'signedBy' | 'name'>,
): Promise<unknown> {
  const { provider, signal } = search;
  try {
    requireTrusted(snapshot, trust);
    return null;
  } catch (error) {
    if (trustsNobody(trust)) return error;
    const listed = await listCandidates(search, snapshot.header.owner);
    return withNewestTrusted(error, provider, listed, trust, signal);
  }
}

/**
 * The snapshot that SNAPSHOT and `--account` name.
 *
 * @throws SNAPSHOT_NOT_FOUND, ACCOUNT_NOT_FOUND, IDENTITY_MISSING, IDENTITY_WRONG
 * @throws SNAPSHOT_UNTRUSTED it is locked, and a stranger's: whatever key it claims to be locked to
 * @throws USAGE `latest` without an account
 */
export async function resolveSnapshot(
  search: Search,
  wanted: string,
  account: string | undefined,
): Promise<Snapshot> {
  const { provider, trust, signal } = search;
  const snapshot = await resolveAnySnapshot(search, wanted, account);
  try {
    return await opened(provider, snapshot, signal);
  } catch (error) {
    if (snapshot.body === null) await requireNotErased(search, snapshot);
    if (trust === undefined || trustsNobody(trust)) throw error;
    const why = await whyDistrusted(search, trust, snapshot);
    if (!isHoldfastError(why) || !isHoldfastError(error)) throw error;
    const { code, message, hint = '' } = why;
    throw new HoldfastError(code, `${message}; besides, ${error.message}`, { cause: error, hint });
  }
}

/** @throws OBJECT_MISSING nobody can read it any more, on purpose */
async function requireNotErased(search: Search, { header, name }: AnySnapshot): Promise<void> {
  const erased = await new Erasures(search).of(header);
  if (erased === null) return;
  const why = `its account was erased at ${erased.at}: ${printable(erased.reason, 4096)}`;
  throw new HoldfastError('OBJECT_MISSING', `nobody can read snapshot ${name} any more: ${why}`, {
    hint: 'Name a snapshot that is newer; prune removes those that were erased.',
  });
}

/** As `resolveSnapshot`, for what needs no more than the clear header. */
export async function resolveAnySnapshot(
  search: Search,
  wanted: string,
  account: string | undefined,
): Promise<AnySnapshot> {
  const { provider, signal, trust, nowMs } = search;
  requireAccount(wanted, account);
  const names = search.state === null ? new Map<string, string>() : ownerNames(search.state);
  const finding = { trust, names, nowMs };
  if (account !== undefined) {
    const owner = await ownerOf(search, account);
    const listed = await listCandidates(search, owner);
    if (wanted === 'latest') await tellOfLeftOut(search, account, owner);
    try {
      const found = await findAnySnapshot(provider, listed, wanted, signal, finding);
      for (const note of notesOfAhead(found)) search.note?.(note);
      return found;
    } catch (error) {
      throw await withNewestTrusted(error, provider, listed, trust, signal);
    }
  }
  const guess = ownerInId(names, wanted);
  for (const candidates of [
    ...(guess === null ? [] : [() => ofThisServer(search, guess)]),
    () => ofThisServer(search, null),
  ]) {
    try {
      return await findAnySnapshot(provider, await candidates(), wanted, signal, finding);
    } catch (error) {
      const unknown = isHoldfastError(error) && error.code === 'SNAPSHOT_NOT_FOUND';
      if (!unknown) throw error;
    }
  }
  const all = search.server === undefined ? await ofAnyServer(search, null) : [];
  return findAnySnapshot(provider, all, wanted, signal, finding);
}

/** An id begins with its site, and the state may know whose that is now. */
function ownerInId(names: ReadonlyMap<string, string>, wanted: string): string | null {
  const site = /^(.+)-\d{8}T/.exec(wanted)?.[1];
  for (const [uuid, holds] of names) if (holds === site) return uuid;
  return null;
}

/** Before any store is opened: a wrong line is a wrong line wherever it would read. @throws USAGE */
export function requireAccount(wanted: string, account: unknown): void {
  if (wanted === 'latest' && account === undefined) {
    throw new HoldfastError('USAGE', '"latest" needs an account', { hint: 'Add --account A.' });
  }
}
