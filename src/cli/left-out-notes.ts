/**
 * Notes on what a look-up leaves out: snapshots of the same account under another UUID, and those of other servers. A
 * directory that lost its UUID, and a server that lost its state, would hide their past under their own names.
 */

import { isHoldfastError } from '../core/errors.ts';
import type { Store } from '../core/index.ts';
import { listSnapshots } from '../core/jobs/catalog.ts';
import { printable } from '../core/printable.ts';
import { present } from '../core/state/account-records.ts';
import { isUuid } from '../core/state/server-identity.ts';
import type { LeftOut } from './documents/left-out.ts';
import { plural } from './format.ts';
import { type Search, searchedServers } from './search.ts';

const named = 5;
/** A store of more servers is shared by a fleet: nobody misses theirs. */
export const mostServers = 50;

/** What `owner`, who was found by the name `wanted`, leaves out; all of this server where both are null. */
export async function tellOfLeftOut(
  search: Search,
  wanted: string | null,
  owner: string | null,
): Promise<LeftOut> {
  const accounts = wanted === null || owner === null ? [] : await tellOfFormer(search, wanted, owner);
  return { accounts, servers: await tellOfServers(search, wanted, owner) };
}

/** Those who were called the same before, as far as the store has anything of theirs. */
async function tellOfFormer(search: Search, wanted: string, owner: string): Promise<string[]> {
  const { state, store, signal, note } = search;
  const site = state?.sites().get(owner);
  if (state === null || site === undefined || isUuid(wanted.toLowerCase())) return [];
  const records = state.accounts();
  const domain = records.find(({ uuid }) => uuid === owner)?.attributes.at(-1)?.domain ?? null;
  const others = records.filter((one) => {
    const last = present(one);
    return one.uuid !== owner && last.site === site && (wanted === site || last.domain === domain);
  });
  const newestFirst = others.sort((a, b) => present(b).lastSeenMs - present(a).lastSeenMs).slice(0, named);
  const found: string[] = [];
  for (const { uuid } of newestFirst) {
    const lists = searchedServers(search).map((server) =>
      listSnapshots(store, { server, owner: uuid }, signal),
    );
    const count = (await Promise.all(lists)).flat().length;
    if (count === 0) continue;
    found.push(uuid);
    const what = `${plural(count, 'snapshot')} of another account that was ${printable(wanted)} before`;
    note?.(`note: ${what} left out; --account ${uuid} shows them`);
  }
  return found;
}

async function tellOfServers(search: Search, wanted: string | null, owner: string | null): Promise<string[]> {
  const others = await otherServers(search);
  const found: string[] = [];
  for (const server of others) {
    if (owner === null || (await hasAny(search, `manifests/${server}/${owner}/`))) found.push(server);
  }
  if (found.length > 0) {
    // Where this server has none, those of all are shown.
    if (!(await hasOwn(search, owner))) return [];
    const whose = owner === null ? 'other servers' : 'this account that other servers made';
    search.note?.(`note: snapshots of ${whose} left out; --server UUID shows them: ${listedServers(found)}`);
    return found;
  }
  // A server that lost its state gave the account another UUID, and only manifests, which may be locked, know its name.
  if (others.length === 0 || wanted === null || isUuid(wanted.toLowerCase())) return [];
  search.note?.(
    `note: snapshots of other servers left out, perhaps of this account; --server UUID shows them: ${listedServers(others)}`,
  );
  return others;
}

/** How a look-up of all accounts would find more, or null where it left out no server. */
export async function hintOfLeftOut(search: Search): Promise<string | null> {
  const others = await otherServers(search);
  if (others.length === 0 || !(await hasOwn(search, null))) return null;
  return `Snapshots of other servers were left out; name one with --server UUID: ${listedServers(others)}.`;
}

async function otherServers(search: Search): Promise<string[]> {
  const mine = searchedServers(search);
  if (search.server !== undefined || mine.length === 0) return [];
  const all = await serversIn(search.store, search.signal, mostServers);
  return all.filter((one) => !mine.includes(one));
}

export function listedServers(servers: readonly string[]): string {
  const more = servers.length > named ? ` and ${servers.length - named} more` : '';
  return `${servers.slice(0, named).join(', ')}${more}`;
}

const hasOwn = async (search: Search, owner: string | null): Promise<boolean> => {
  const prefixes = searchedServers(search).map(
    (server) => `manifests/${server}/${owner === null ? '' : `${owner}/`}`,
  );
  return (await Promise.all(prefixes.map((prefix) => hasAny(search, prefix)))).includes(true);
};

const hasAny = async ({ store, signal }: Search, prefix: string): Promise<boolean> =>
  (await firstKey(store, { prefix, signal })) !== null;

/**
 * One request each, however many snapshots they have. Those that the credentials do not show are left out.
 *
 * @param most where there are more, one more is found
 */
export async function serversIn(store: Store, signal: AbortSignal, most = Infinity): Promise<string[]> {
  const found: string[] = [];
  let key = await firstKey(store, { prefix: 'manifests/', signal });
  while (key !== null && found.length <= most) {
    const server = key.split('/')[1]!;
    if (isUuid(server)) found.push(server);
    // What sorts after all that begins with the server and a slash.
    key = await firstKey(store, { prefix: 'manifests/', after: `manifests/${server}0`, signal });
  }
  return found;
}

type Beginning = Omit<Parameters<Store['list']>[0], 'limit'>;

async function firstKey(store: Store, from: Beginning): Promise<string | null> {
  try {
    const { objects, next } = await store.list({ ...from, limit: 1 });
    if (objects.length > 0) return objects[0]!.key;
    return next === null ? null : firstKey(store, { ...from, after: next });
  } catch (error) {
    if (isOutOfReach(error)) return null;
    throw error;
  }
}

/** Of what other servers have, which this one may not be let see: no note costs the command that it stands beside. */
export const isOutOfReach = (error: unknown): boolean =>
  isHoldfastError(error) && /^STORE_(?:DENIED|UNAVAILABLE)$/.test(error.code);
