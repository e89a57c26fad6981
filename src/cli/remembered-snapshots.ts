/** What the state knows of snapshots that must be in the main store of an addin configuration. */

import type { Remembered } from '../core/jobs/verify-history.ts';
import { readLastSnapshots } from '../core/state/lineages.ts';
import { addinId } from './opened.ts';
import type { StoreSession } from './store-session.ts';

/** @param owner null: of every account */
export async function rememberedBy(
  { state, addin, loaded }: Pick<StoreSession, 'state' | 'addin' | 'loaded'>,
  owner: string | null,
): Promise<readonly Remembered[]> {
  if (state === null) return [];
  const server = state.server.uuid;
  const id = addinId(server, addin.name);
  const lasts = await readLastSnapshots(loaded.configuration.stateDir, id);
  return [...lasts].flatMap(([one, last]) =>
    owner === null || owner === one ? [{ server, owner: one, addin: id, last }] : [],
  );
}
