/**
 * Which snapshot: from what was typed to a manifest. Whose an account is says `find-account.ts`.
 *
 * Where this server has snapshots in the store, those of other servers are looked at only by full id,
 * or where one of them is named.
 */

import { HoldfastError, isHoldfastError } from '../core/errors.ts';
import { type AnySnapshot, opened, type Snapshot } from '../core/jobs/catalog.ts';
import { Erasures } from '../core/jobs/erasures.ts';
import { findAnySnapshot } from '../core/jobs/find-snapshot.ts';
import { withNewestTrusted } from '../core/jobs/newest-trusted.ts';
import { requireTrusted, type Trust, trustsNobody } from '../core/jobs/trust.ts';
import { printable } from '../core/printable.ts';
import { ownerNames } from '../core/state/database-owners.ts';
import { notesOfAhead } from './ahead-notes.ts';
import { ownerOf } from './find-account.ts';
import { tellOfLeftOut } from './left-out-notes.ts';
import { listCandidates, ofAnyServer, ofThisServer, type Search } from './search.ts';

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
