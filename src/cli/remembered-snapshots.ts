/** What the state knows of snapshots that must be in the main store of an addin configuration, also of others that share it. */

import type { Remembered } from '../core/jobs/verify-history.ts';
import { readLineages } from '../core/state/lineages.ts';
import { addinId } from './opened.ts';
import type { StoreSession } from './store-session.ts';

/** @param owner null: of every account */
export async function rememberedBy(
  { state, addin, loaded }: Pick<StoreSession, 'state' | 'addin' | 'loaded'>,
  owner: string | null,
): Promise<readonly Remembered[]> {
  if (state === null) return [];
  const server = state.server.uuid;
  const { addins, stateDir } = loaded.configuration;
  const store = state.storeId(addin.name);
  const sharing = addins.filter(
    ({ name }) => name === addin.name || (store !== null && state.storeId(name) === store),
  );
  const remembered: Remembered[] = [];
  for (const { name } of sharing) {
    const id = addinId(server, name);
    for (const [one, { last, former }] of await readLineages(stateDir, id)) {
      if (owner !== null && owner !== one) continue;
      const place = { server, owner: one, addin: id };
      remembered.push({ ...place, last });
      for (const { store: put, ...before } of former)
        if (put === null || store === null || put === store)
          remembered.push({ ...place, last: before, isFormer: true });
    }
  }
  return remembered;
}
