/**
 * Lets a snapshot refer to segments that interrupted runs of the account left, and notes its own for the case
 * that it is interrupted too.
 *
 * Not for fulls: the segments of a full are one archive that tar alone restores, and what was left may hold
 * files that are gone by now. A full stores everything anew, and prune removes the rest.
 */

import { HoldfastError } from '../../errors.ts';
import type { OpenAddin } from '../addin.ts';
import { checkLeft, leftSegments } from './left-segments.ts';
import type { ParentSnapshot } from './parent-snapshot.ts';
import { type JournalOf, removeJournals, SegmentJournal } from './segment-journal.ts';
import type { SnapshotWriter } from './snapshot-writer.ts';

export interface TakeOver {
  /** @throws CHAIN_BROKEN what this snapshot took over is no longer in the store */
  check(): Promise<void>;
  /** The snapshot is committed: nobody needs the notes any more. */
  committed(): void;
  /** It will not be: the notes are for the next run. */
  interrupted(): void;
}

export async function takeOver(
  writer: SnapshotWriter,
  parent: ParentSnapshot | null,
  request: {
    readonly addin: Pick<OpenAddin, 'id' | 'store'>;
    readonly stateDir: string;
    readonly nowMs: number;
    readonly signal: AbortSignal;
  },
): Promise<TakeOver> {
  const { addin, stateDir, nowMs, signal } = request;
  const { store } = addin;
  const { owner, objectId, epoch } = writer.names;
  const of: JournalOf = { stateDir, addinId: addin.id, owner };
  if (parent !== null) {
    const firstNumber = writer.nextNumber;
    const keyed = { epoch: epoch?.epoch ?? null, firstNumber };
    const known = new Map([...parent.objects.values()].map(({ key, number }) => [key, number]));
    const left = await leftSegments({ ...of, ...keyed, known, store, nowMs, signal });
    writer.nextNumber = left.nextNumber;
    writer.left = left;
    writer.journal = new SegmentJournal(of, objectId);
  }
  return {
    async check() {
      if (await checkLeft(writer.takenOver, { store, signal })) return;
      throw new HoldfastError(
        'CHAIN_BROKEN',
        'a segment of an interrupted run was removed while it was used',
        {
          hint: 'Run the backup of this account again; it will store anew what is gone.',
        },
      );
    },
    committed() {
      writer.journal?.drop();
      removeJournals(of);
    },
    interrupted: () => writer.journal?.interrupted(),
  };
}
