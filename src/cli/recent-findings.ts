/**
 * What the newest snapshots were found to have wrong, for `status`: from the local state where that remembers
 * it, which costs no request, else from the manifest.
 */

import { isAhead } from '../core/ahead.ts';
import type { ListedSnapshot } from '../core/jobs/catalog.ts';
import { eachLimited } from '../core/jobs/each-limited.ts';
import { readLineage } from '../core/state/lineages.ts';
import { agoText } from './format.ts';
import type { SnapshotJudge } from './judged-snapshots.ts';
import { addinId } from './opened.ts';

const readsAtOnce = 16;

/** As the state remembers it. */
export interface ShownFinding {
  readonly code: string;
  readonly message: string;
}

/** The state has it by the name of the addin configuration, also where a copy of its store is looked at. */
/** Of the configuration whose copy this may be. */
export const mainName = (addin: string): string => addin.split('/', 1)[0]!;

/** By id of the snapshot. What nobody can tell, because a manifest is damaged or not trusted, is left out. */
export async function findingsOfEach(
  judge: SnapshotJudge,
  newest: readonly ListedSnapshot[],
  where: { readonly stateDir: string; readonly addin: string },
): Promise<ReadonlyMap<string, readonly ShownFinding[]>> {
  const found = new Map<string, readonly ShownFinding[]>();
  const unknown: ListedSnapshot[] = [];
  const name = mainName(where.addin);
  for (const [server, ofServer] of Map.groupBy(newest, (one) => one.server)) {
    const id = addinId(server, name);
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

/** By owner, of the newest that this server made and that is there: without a request, and whatever somebody put above it. */
export function rememberedFindings(
  judge: SnapshotJudge,
  listed: readonly ListedSnapshot[],
  addin: string,
): ReadonlyMap<string, readonly ShownFinding[]> {
  const found = new Map<string, readonly ShownFinding[]>();
  for (const [server, ofServer] of Map.groupBy(listed, (one) => one.server)) {
    const remembered = judge.remembered(addinId(server, mainName(addin)));
    for (const { owner, id } of ofServer) {
      const summary = remembered.get(owner);
      if (summary?.id === id) found.set(owner, summary.findings);
    }
  }
  return found;
}

/** Of the newest of an account. */
export function datedAhead(last: ListedSnapshot | null, nowMs: number): readonly ShownFinding[] {
  if (last === null || !isAhead(last.atMs, nowMs)) return [];
  const message = `it is dated ${agoText(nowMs - last.atMs)}, by one that was wrong, and counts for nothing until then`;
  return [{ code: 'dated-ahead', message }];
}
