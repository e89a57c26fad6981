/**
 * Whose keys are meant to be destroyed: stricter than anywhere else, since nothing brings them back.
 *
 * A panel gives names out again. A name that several accounts have had means none of them here.
 */

import { HoldfastError } from '../core/errors.ts';
import { printable, quoted } from '../core/printable.ts';
import type { AccountRecord } from '../core/state/account-records.ts';
import { accountOfDatabases, databasesOwner } from '../core/state/database-owners.ts';
import { isUuid } from '../core/state/server-identity.ts';
import type { State } from '../core/state/state.ts';
import { fromPanel, ownerOf } from './find-account.ts';
import type { Search } from './search.ts';

/**
 * UUID of the account that a UUID, site or domain means, or of its databases where `.databases` follows; names are looked up in everything this server ever saw.
 *
 * @throws USAGE several accounts had that name
 * @throws ACCOUNT_NOT_FOUND nothing knows it
 */
export async function ownerToErase(search: Search, wanted: string): Promise<string> {
  const name = wanted.toLowerCase();
  if (isUuid(name)) return name;
  const account = accountOfDatabases(wanted);
  if (account !== null) return databasesOwner(await ownerToErase(search, account));
  const { state } = search;
  const holders = state === null ? [] : holdersOf(state, wanted);
  const live = await fromPanel(search, wanted);
  const owners = new Set([...holders.map(({ uuid }) => uuid), ...(live === null ? [] : [live])]);
  if (owners.size === 0) return ownerOf(search, wanted);
  return onlyOne(wanted, [...owners], holders);
}

/** The same from the state alone. */
export function rememberedOwner(state: State | null, wanted: string): string {
  const name = wanted.toLowerCase();
  if (isUuid(name)) return name;
  const account = accountOfDatabases(wanted);
  if (account !== null) return databasesOwner(rememberedOwner(state, account));
  const holders = state === null ? [] : holdersOf(state, wanted);
  if (holders.length === 0) {
    throw new HoldfastError('ACCOUNT_NOT_FOUND', `this server remembers no account ${quoted(wanted)}`, {
      hint: 'Name the account by its UUID, as holdfast key erase showed it.',
    });
  }
  return onlyOne(
    wanted,
    holders.map(({ uuid }) => uuid),
    holders,
  );
}

function onlyOne(wanted: string, owners: readonly string[], holders: readonly AccountRecord[]): string {
  const [owner, ...others] = owners;
  if (others.length === 0) return owner!;
  const each = owners.map((uuid) => {
    const record = holders.find((one) => one.uuid === uuid);
    return record === undefined ? uuid : `${uuid} (${lifeOf(record)})`;
  });
  throw new HoldfastError('USAGE', `${quoted(wanted)} was the name of several accounts: ${each.join(', ')}`, {
    hint: 'Name the one that is meant by its UUID.',
  });
}

function holdersOf(state: State, wanted: string): AccountRecord[] {
  const name = wanted.toLowerCase();
  return state
    .accounts()
    .filter(({ attributes }) =>
      attributes.some(({ site, domain }) => site === wanted || domain?.toLowerCase() === name),
    );
}

function lifeOf({ attributes }: AccountRecord): string {
  const last = attributes.at(-1) ?? attributes[0];
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  const name = printable(last.domain ?? last.site, 200);
  return `${name}, seen from ${day(attributes[0].firstSeenMs)} to ${day(last.lastSeenMs)}`;
}
