/**
 * Lineages in which a number was given twice: a server that may only put was put back from an image, and went on
 * from where it was then.
 *
 * The store's numbers say nothing of the order there. Whatever its snapshots after that refer to may be gone: what the
 * server took for its newest was long pruned, perhaps. Only that server can begin anew.
 */

import { isAhead } from '../../ahead.ts';
import type { SnapshotRef } from '../events.ts';
import { readPruned } from '../prune-events.ts';
import type { KeyGroup } from '../walk.ts';
import type { ReadManifest } from './read-group.ts';
import type { PruneRequest } from './types.ts';

/** Reads prune events only where something does not fit together. @param lane of one addin configuration */
export async function forkedLineages(
  request: Pick<PruneRequest, 'store' | 'provider' | 'trust' | 'signal'>,
  { server, owner }: Pick<KeyGroup, 'server' | 'owner'>,
  lane: readonly ReadManifest[],
): Promise<ReadonlySet<string>> {
  const forked = new Set<string>();
  let removed: readonly SnapshotRef[] | null = null;
  for (const [lineage, ofLineage] of Map.groupBy(lane, ({ snapshot }) => snapshot.header.lineage)) {
    if (fitsTogether(ofLineage)) continue;
    removed ??= (await readPruned({ ...request, server, owner })).removed;
    const digests = new Map<number, string>();
    const refs = [...ofLineage.map(({ snapshot }) => snapshot.header), ...removed];
    for (const { lineage: of, sequence, digest } of refs) {
      if (of !== lineage) continue;
      if ((digests.get(sequence) ?? digest) !== digest) forked.add(lineage);
      digests.set(sequence, digest);
    }
  }
  return forked;
}

/** By number and by time they have one order, and each names the one before it. */
function fitsTogether(lineage: readonly ReadManifest[]): boolean {
  const headers = lineage.map(({ snapshot }) => snapshot.header).sort((a, b) => a.sequence - b.sequence);
  return headers.every((header, i) => {
    const before = headers[i - 1];
    if (before === undefined) return true;
    if (before.sequence === header.sequence || before.committedAt > header.committedAt) return false;
    return before.sequence + 1 < header.sequence || before.digest === header.previous;
  });
}

/**
 * Whether the newest is of such a lineage, so that the next one will be too. What is dated ahead of the clock does not count as
 * the newest, unless there is nothing else: it says nothing of its order.
 */
export function goesOnFrom(
  lane: readonly ReadManifest[],
  forked: ReadonlySet<string>,
  nowMs: number,
): boolean {
  if (forked.size === 0) return false;
  const headers = lane.map(({ snapshot }) => snapshot.header);
  const past = headers.filter(({ committedAt }) => !isAhead(Date.parse(committedAt), nowMs));
  const newest = (past.length > 0 ? past : headers).reduce((a, b) => (b.committedAt > a.committedAt ? b : a));
  return forked.has(newest.lineage);
}
