/**
 * The newest snapshots that this server has made, where the store has them no more although nobody let go of them: a manifest
 * was removed, or an older state of the store put back. The next backup follows on what is there, so nobody else would tell.
 */

import { parseManifestKey } from '../core/archive/keys.ts';
import type { ListedSnapshot } from '../core/jobs/catalog.ts';
import { eachLimited } from '../core/jobs/each-limited.ts';
import { Erasures } from '../core/jobs/erasures.ts';
import { wasPruned } from '../core/jobs/was-pruned.ts';
import type { Doubt, SnapshotJudge } from './judged-snapshots.ts';
import { addinId } from './opened.ts';
import { mainName } from './recent-findings.ts';
import type { StoreSession } from './store-session.ts';

const accountsAtOnce = 16;
/** Each costs a look at the events of its account, and where all are missing the first few say so. */
const mostAskedAbout = 64;

/**
 * By the account's UUID. Of a copy, which may lag behind, and of a store that cannot be read, none.
 *
 * @param listed all that the store has of this server
 * @throws STORE_UNAVAILABLE, STORE_DENIED
 */
export async function missingNewest(
  { search, state, addin }: Pick<StoreSession, 'search' | 'state' | 'addin'>,
  judge: SnapshotJudge,
  listed: readonly ListedSnapshot[],
): Promise<ReadonlyMap<string, Doubt>> {
  const missing = new Map<string, Doubt>();
  const { store } = search;
  if (state === null || store.capabilities.putOnly || addin.name !== mainName(addin.name)) return missing;
  const ids = new Set(listed.map(({ id }) => id));
  const remembered = [...judge.remembered(addinId(state.server.uuid, addin.name))];
  const absent = remembered.filter(([, { id }]) => !ids.has(id)).slice(0, mostAskedAbout);
  const erasures = new Erasures(search);
  await eachLimited(absent, accountsAtOnce, async ([owner, { id, key }]) => {
    const named = key === undefined ? null : parseManifestKey(key);
    if (key === undefined || named === null || (await wasPruned(search, { ...named, key }))) return;
    if ((await erasures.ids(named.server, owner)).has(id)) return;
    const message = `snapshot ${id}, the newest that this server made, is not in the store, and nobody pruned it`;
    missing.set(owner, { key, kind: 'missing', message });
  });
  return missing;
}
