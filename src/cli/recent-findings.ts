/**
 * What the newest snapshots were found to have wrong, for `status`: from the local state where that remembers
 * it, which costs no request, else from the manifest.
 */

import type { ListedSnapshot } from '../core/jobs/catalog.ts';
import { eachLimited } from '../core/jobs/each-limited.ts';
import { readLineage } from '../core/state/lineages.ts';
import type { SnapshotJudge } from './judged-snapshots.ts';
import { addinId } from './opened.ts';

const readsAtOnce = 16;

/** As the state remembers it. */
export interface ShownFinding {
  readonly code: string;
  readonly message: string;
}

/** By id of the snapshot. What nobody can tell, because a manifest is damaged or not trusted, is left out. */
export async function findingsOfEach(
  judge: SnapshotJudge,
  newest: readonly ListedSnapshot[],
  where: { readonly stateDir: string; readonly addin: string },
): Promise<ReadonlyMap<string, readonly ShownFinding[]>> {
  const found = new Map<string, readonly ShownFinding[]>();
  const unknown: ListedSnapshot[] = [];
  for (const [server, ofServer] of Map.groupBy(newest, (one) => one.server)) {
    const id = addinId(server, where.addin);
    const remembered = judge.remembered(id);
    const elsewhere: ListedSnapshot[] = [];
    for (const listed of ofServer) {
      const summary = remembered.get(listed.owner);
      if (summary?.id === listed.id) found.set(listed.id, summary.findings);
      else elsewhere.push(listed);
    }
    await eachLimited(elsewhere, readsAtOnce, async (listed) => {
      const { recent } = (await readLineage(where.stateDir, id, listed.owner)) ?? {};
      const known = recent?.find((one) => one.id === listed.id);
      if (known === undefined) unknown.push(listed);
      else found.set(listed.id, known.findings);
    });
  }
  await eachLimited(unknown, readsAtOnce, async (listed) => {
    const verdict = await judge.read(listed);
    const findings = verdict.doubt === null ? verdict.judged.findings : null;
    if (findings !== null) found.set(listed.id, findings);
  });
  return found;
}
