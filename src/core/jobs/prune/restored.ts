/**
 * Snapshots that retention lets go and that a restore of this machine reads: they stay until it has ended, as what is locked
 * does. What was erased goes all the same: its keys are gone.
 */

import { restoredSnapshots } from '../../state/restores.ts';
import type { Decision } from '../retention/types.ts';
import type { PrunableSnapshot } from './types.ts';

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

const isRead = (
  { keep, erased, snapshot }: Decision<PrunableSnapshot>,
  restored: ReadonlySet<string>,
): boolean => !keep && erased !== true && restored.has(snapshot.id);
