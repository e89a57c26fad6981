/**
 * Which of the snapshots that a store lists were erased, for those who look at names alone: nobody can read one, however
 * well it was made.
 *
 * Costs one listing of the keys, and a look at the events of accounts that have no key or whose newest snapshot is not
 * complete: behind any other lies nothing that anybody would take for the last good one.
 */

import type { AddinConfiguration } from '../core/config/load-configuration.ts';
import { listKeys, pairSlot } from '../core/encryption/owner-keys.ts';
import { isHoldfastError } from '../core/errors.ts';
import type { AnySnapshot, ListedSnapshot } from '../core/jobs/catalog.ts';
import { eachLimited } from '../core/jobs/each-limited.ts';
import { Erasures } from '../core/jobs/erasures.ts';
import type { Trust } from '../core/jobs/trust.ts';
import type { Search } from './search.ts';

const accountsAtOnce = 16;

/**
 * Ids. Where the credentials may not look, or nothing is encrypted, none.
 *
 * @param trust whose erasures count; null: everybody's
 * @throws STORE_UNAVAILABLE
 */
export async function erasedAmong(
  { store, provider, signal }: Pick<Search, 'store' | 'provider' | 'signal'>,
  trust: Trust | null,
  { encryption }: Pick<AddinConfiguration, 'encryption'>,
  listed: readonly ListedSnapshot[],
): Promise<ReadonlySet<string>> {
  const erased = new Set<string>();
  if (encryption === 'none' || store.capabilities.putOnly) return erased;
  const erasures = new Erasures({ store, provider, trust: trust ?? undefined, signal });
  try {
    for (const [server, ofServer] of Map.groupBy(listed, (one) => one.server)) {
      const keys = new Set((await listKeys(store, { server }, signal)).map(({ owner }) => owner));
      const accounts = [...Map.groupBy(ofServer, ({ owner }) => owner)].filter(
        ([owner, all]) => !keys.has(owner) || all.at(-1)?.state !== 'complete',
      );
      await eachLimited(accounts, accountsAtOnce, async ([owner]) => {
        for (const id of await erasures.ids(server, owner)) erased.add(id);
      });
    }
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'STORE_DENIED') throw error;
  }
  return erased;
}

/**
 * Ids of those that are locked because they were erased, by what their headers say. Costs a listing of the keys where any is
 * locked, and a look at the events of accounts whose key is gone.
 *
 * @throws STORE_UNAVAILABLE
 */
export async function erasedOf(
  { store, provider, trust, signal }: Pick<Search, 'store' | 'provider' | 'trust' | 'signal'>,
  snapshots: readonly AnySnapshot[],
): Promise<ReadonlySet<string>> {
  const erased = new Set<string>();
  const locked = snapshots.filter(({ body }) => body === null);
  if (store.capabilities.putOnly) return erased;
  const erasures = new Erasures({ store, provider, trust, signal });
  try {
    for (const [server, ofServer] of Map.groupBy(locked, ({ header }) => header.server)) {
      const keys = new Set((await listKeys(store, { server }, signal)).map(pairSlot));
      const keyless = ofServer.filter(
        ({ header: { owner, encryption } }) =>
          encryption !== undefined && !keys.has(pairSlot({ server, owner, ...encryption })),
      );
      await eachLimited(keyless, accountsAtOnce, async ({ header }) => {
        if ((await erasures.of(header)) !== null) erased.add(header.id);
      });
    }
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'STORE_DENIED') throw error;
  }
  return erased;
}
