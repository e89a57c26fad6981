/** Other snapshots of an account that may have what one lacks. Read, not guessed: a manifest says what is in it. */

import { isHoldfastError } from '../core/errors.ts';
import { listSnapshots, type Snapshot } from '../core/jobs/catalog.ts';
import { distrustOf, trustsNobody } from '../core/jobs/trust.ts';
import { printable } from '../core/printable.ts';
import { readEach } from './read-each.ts';
import type { Search } from './search.ts';

/** A month of nights. */
const mostLookedAt = 32;
const readsAtOnce = 8;

/** Complete ones of the same owner but for this one, as far as they can be read and are trusted: the newest first, a month of nights at most. */
export async function* otherComplete(
  search: Search,
  { header: { server, owner, id } }: Pick<Snapshot, 'header'>,
): AsyncGenerator<Snapshot> {
  const listed = await listSnapshots(search.store, { server, owner }, search.signal);
  const complete = listed.filter((one) => one.state === 'complete' && one.id !== id).reverse();
  for (let at = 0; at < Math.min(complete.length, mostLookedAt); at += readsAtOnce) {
    for (const { snapshot } of await readEach(search, complete.slice(at, at + readsAtOnce))) {
      if (snapshot === null || snapshot.body === null || !isTrusted(search, snapshot)) continue;
      yield { ...snapshot, body: snapshot.body };
    }
  }
}

const isTrusted = ({ trust }: Search, snapshot: Pick<Snapshot, 'header' | 'signedBy' | 'name'>): boolean =>
  trust === undefined || trustsNobody(trust) || distrustOf(snapshot, trust) === null;

/** What a look at the others found, or why there could be none, as a sentence: a hint stops nothing. */
export async function saidOfOthers(look: () => Promise<string | null>): Promise<string | null> {
  try {
    return await look();
  } catch (error) {
    if (!isHoldfastError(error) || error.code === 'INTERRUPTED') throw error;
    return `other snapshots could not be looked at: ${printable(error.message, 4096)}`;
  }
}
