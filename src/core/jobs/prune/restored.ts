/**
 * Snapshots that retention lets go and that a restore of this machine reads: they stay until it has ended, as what is locked
 * does. What was erased goes all the same: its keys are gone.
 */

import { parseManifestKey } from '../../archive/keys.ts';
import { markedSnapshots, type RestoredSnapshot, restoredSnapshots } from '../../state/restores.ts';
import type { Decision } from '../retention/types.ts';
import { walk } from '../walk.ts';
import type { PrunableSnapshot, PruneRequest } from './types.ts';

export function sparedByRestores(
  decisions: readonly Decision<PrunableSnapshot>[],
  restored: ReadonlySet<string>,
): Decision<PrunableSnapshot>[] {
  return decisions.map((decision) =>
    isRead(decision, restored) ? { ...decision, keep: true, reasons: ['a restore reads it'] } : decision,
  );
}

/** Whether one of these is to go, and a restore that has begun since the first look reads it. */
export async function areRestored(
  stateDir: string,
  decisions: readonly Decision<PrunableSnapshot>[],
): Promise<boolean> {
  const restored = await restoredSnapshots(stateDir);
  return decisions.some((decision) => isRead(decision, restored));
}

/** What was decided about an owner's snapshots. */
type Owners = ReadonlyMap<string, { readonly decisions: readonly Decision<PrunableSnapshot>[] }>;

/**
 * Whether a restore reads objects of this owner that no manifest speaks for: of a snapshot that goes, or whose manifest
 * went from under it, in this prune or in one before.
 */
export async function objectsAreRestored(
  request: PruneRequest,
  owners: Owners,
  owner: string,
): Promise<boolean> {
  const { stateDir, server } = request;
  for (const marked of await markedSnapshots(stateDir)) {
    if (!marked.places.includes(`${server}/${owner}`)) continue;
    const decisions = marked.server === server ? owners.get(marked.owner)?.decisions : undefined;
    const decision = decisions?.find(({ snapshot }) => snapshot.id === marked.id);
    if (decision === undefined ? !(await isThere(request, marked)) : isRead(decision, new Set([marked.id])))
      return true;
  }
  return false;
}

async function isThere(
  { store, signal }: PruneRequest,
  { id, server, owner }: RestoredSnapshot,
): Promise<boolean> {
  for await (const { key } of walk(store, `manifests/${server}/${owner}/`, signal))
    if (parseManifestKey(key)?.id === id) return true;
  return false;
}

const isRead = (
  { keep, erased, snapshot }: Decision<PrunableSnapshot>,
  restored: ReadonlySet<string>,
): boolean => !keep && erased !== true && restored.has(snapshot.id);
