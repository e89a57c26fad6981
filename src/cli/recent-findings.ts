/**
 * What the newest snapshots were found to have wrong, for `status`: from the local state where that remembers
 * it, which costs no request, else from the manifest.
 */

import type { ListedSnapshot } from '../core/jobs/catalog.ts';
import { readLineage } from '../core/state/lineages.ts';
import { readEach, type Search } from './find-snapshot.ts';
import { addinId } from './opened.ts';

/** As the state remembers it. */
export interface ShownFinding {
  readonly code: string;
  readonly message: string;
}

/** By id of the snapshot. What nobody can tell, because a manifest is damaged, is left out. */
export async function findingsOfEach(
  search: Search,
  newest: readonly ListedSnapshot[],
  where: { readonly stateDir: string; readonly addin: string },
): Promise<ReadonlyMap<string, readonly ShownFinding[]>> {
  const found = new Map<string, readonly ShownFinding[]>();
  const unknown: ListedSnapshot[] = [];
  for (const listed of newest) {
    const lineage = await readLineage(where.stateDir, addinId(listed.server, where.addin), listed.owner);
    const remembered = lineage?.recent?.find(({ id }) => id === listed.id);
    if (remembered === undefined) unknown.push(listed);
    else found.set(listed.id, remembered.findings);
  }
  for (const { listed, snapshot } of await readEach(search, unknown)) {
    if (snapshot?.body != null) found.set(listed.id, snapshot.body.findings ?? []);
  }
  return found;
}
