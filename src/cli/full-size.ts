/** What the next fulls will take, told from what this server remembers of its snapshots: no store is asked. */

import { readLineages } from '../core/state/lineages.ts';
import type { Measures } from '../core/state/measures.ts';
import type { State } from '../core/state/state.ts';
import { addinId } from './opened.ts';

/**
 * About what fulls of all accounts that are here now would store, as well as they compressed lately; null where nothing
 * is remembered.
 *
 * @param name of an addin configuration, or `<addin>/<copy>`
 */
export async function fullBytes(
  stateDir: string,
  state: Pick<State, 'server' | 'sites'>,
  name: string,
): Promise<number | null> {
  const [addin] = name.split('/');
  const here = state.sites();
  const lineages = await readLineages(stateDir, addinId(state.server.uuid, addin!));
  const sizes = [...lineages].flatMap(([owner, { recent }]) =>
    here.has(owner) && recent !== null && recent.length > 0 ? [storedFull(recent)] : [],
  );
  return sizes.length === 0 ? null : sizes.reduce((sum, size) => sum + size);
}

/** Of little that is new, what goes with it weighs more than how it compresses: the one with most tells. */
function storedFull(recent: readonly Measures[]): number {
  const telling = recent.toSorted((a, b) => b.newBytes - a.newBytes).find(({ ratio }) => ratio !== null);
  return Math.round((recent.at(-1)?.bytes ?? 0) / Math.max(1, telling?.ratio ?? 1));
}
