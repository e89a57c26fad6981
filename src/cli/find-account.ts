/**
 * Which account a name means: by the state, the panel, or what the manifests of the store call their accounts.
 *
 * The store alone is enough, where an identity opens it: state and panel only make the search shorter, or know names
 * that no manifest has.
 */

import { HoldfastError, isHoldfastError } from '../core/errors.ts';
import type { AnySnapshot } from '../core/jobs/catalog.ts';
import { newestTrustedOfEach } from '../core/jobs/newest-trusted.ts';
import { resolveAccount } from '../core/jobs/resolve-accounts.ts';
import { quoted } from '../core/printable.ts';
import { type AccountAttributes, present } from '../core/state/account-records.ts';
import { accountOfDatabases, databasesOwner, ownerNames } from '../core/state/database-owners.ts';
import { isUuid } from '../core/state/server-identity.ts';
import type { State } from '../core/state/state.ts';
import { plural } from './format.ts';
import { hintOfLeftOut } from './left-out-notes.ts';
import { readNewestOfEach, type Unreadable } from './read-each.ts';
import { listCandidates, namesAnother, type Search } from './search.ts';

/**
 * UUID of the account that a site, domain, alias or UUID means, or of its databases where `.databases` follows: before
 * all else, so that no alias takes that name.
 *
 * @throws ACCOUNT_NOT_FOUND nothing knows it
 * @throws IDENTITY_MISSING, IDENTITY_WRONG only manifests that are locked may know it
 * @throws USAGE it fits several accounts
 */
export async function ownerOf(search: Search, wanted: string): Promise<string> {
  const name = wanted.toLowerCase();
  if (isUuid(name)) return name;
  const databases = await ofDatabases(search, wanted);
  if (databases !== null) return databases;
  // What others call an account only their manifests say; where those are locked, it may be called the same here.
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

/** Null where nothing that can be read knows the account. */
async function orNull(search: Promise<string>): Promise<string | null> {
  try {
    return await search;
  } catch (error) {
    if (isHoldfastError(error) && /^(?:ACCOUNT_NOT_FOUND|IDENTITY_)/.test(error.code)) return null;
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
  const { snapshots, damaged } = await readNewestOfEach(search, listed);
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
  if (found.length === 0) throw await notFound(search, wanted, damaged);
  throw new HoldfastError('USAGE', `${quoted(wanted)} fits several accounts: ${found.join(', ')}`, {
    hint: 'Name the account by its UUID.',
  });
}

/** That there is no such account can be said only where nobody's name is locked. */
async function notFound(
  search: Search,
  wanted: string,
  unread: readonly Unreadable[],
): Promise<HoldfastError> {
  const others = othersInState(search.state, wanted);
  const locked = unread.filter(({ owner, error }) => /^IDENTITY_/.test(error.code) && !others.has(owner));
  const leftOut = await hintOfLeftOut(search);
  const look =
    locked.length === 0
      ? 'Run holdfast snapshots, or holdfast accounts, to see what there is.'
      : 'Give an identity that opens them, or name the account by its UUID, as holdfast snapshots shows it.';
  const hint = leftOut === null ? look : `${look} ${leftOut}`;
  const name = quoted(wanted);
  if (locked.length === 0) {
    return new HoldfastError('ACCOUNT_NOT_FOUND', `no snapshot and no account is called ${name}`, { hint });
  }
  const message = `no account whose name can be read is called ${name}; the names of ${plural(locked.length, 'account')} are locked`;
  return locked.some(({ error }) => error.code === 'IDENTITY_WRONG')
    ? new HoldfastError('IDENTITY_WRONG', `${message}, and no identity given opens them`, { hint })
    : new HoldfastError('IDENTITY_MISSING', `${message}, and no identity was given`, { hint });
}

/** Those whose names the state knows, and who never were called so. */
function othersInState(state: State | null, wanted: string): ReadonlySet<string> {
  const name = wanted.toLowerCase();
  const wasCalledSo = ({ site, domain }: AccountAttributes): boolean =>
    site === wanted || domain?.toLowerCase() === name;
  if (state === null) return new Set();
  const others = state.accounts().filter(({ attributes }) => !attributes.some(wasCalledSo));
  return new Set([
    ...ownerNames(state).keys(),
    ...others.flatMap(({ uuid }) => [uuid, databasesOwner(uuid)]),
  ]);
}
