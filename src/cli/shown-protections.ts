/** Which of the snapshots that a command shows are pinned or under a legal hold. */

import { isHoldfastError } from '../core/errors.ts';
import { type ActiveProtection, activeProtections } from '../core/jobs/active-protections.ts';
import { readAllProtections } from '../core/jobs/all-protections.ts';
import type { ListedSnapshot } from '../core/jobs/catalog.ts';
import type { AccountProtections } from '../core/jobs/events.ts';
import { trustsNobody } from '../core/jobs/trust.ts';
import { plural } from './format.ts';
import type { Search } from './search.ts';

export interface ShownProtections {
  readonly of: (snapshot: Pick<ListedSnapshot, 'server' | 'owner' | 'id'>) => ActiveProtection[];
  /** Pins, holds and their ends that do not count, since who signed them is not trusted. */
  readonly untrustedEvents: number;
}

type Place = Pick<Search, 'store' | 'provider' | 'trust' | 'signal' | 'note'> & { readonly nowMs: number };

/**
 * What does not count is noted. Where nobody is trusted here, everybody's count, as everybody's snapshots are shown.
 *
 * @param owner whose `listed` are; null: of more than one
 * @returns null where the credentials may not look, which is noted
 * @throws STORE_UNAVAILABLE; STORE_DENIED where `required`
 */
export async function readShownProtections(
  { trust, nowMs, note, signal, ...place }: Place,
  listed: readonly Pick<ListedSnapshot, 'server'>[],
  { owner, required }: { readonly owner: string | null; readonly required: boolean },
): Promise<ShownProtections | null> {
  const whose = trust === undefined || trustsNobody(trust) ? {} : { trust };
  const byServer = new Map<string, ReadonlyMap<string, AccountProtections>>();
  try {
    for (const { server } of listed)
      if (!byServer.has(server))
        byServer.set(server, await readAllProtections({ ...place, ...whose }, { server, owner }, signal));
  } catch (error) {
    if (required || !isHoldfastError(error) || error.code !== 'STORE_DENIED') throw error;
    note?.(`note: pins and legal holds are not shown, since they cannot be read: ${error.message}`);
    return null;
  }
  const accounts = [...byServer.values()].flatMap((ofServer) => [...ofServer.values()]);
  const untrustedEvents = accounts.reduce((sum, { distrusted }) => sum + distrusted.length, 0);
  if (untrustedEvents > 0) {
    const what = `${plural(untrustedEvents, 'event')} of pins and legal holds`;
    note?.(`note: ${what}: not trusted, so not counted; holdfast verify names them`);
  }
  return {
    of({ server, owner: account, id }) {
      const found = byServer.get(server)?.get(account);
      return found === undefined ? [] : activeProtections(found, id, nowMs);
    },
    untrustedEvents,
  };
}
