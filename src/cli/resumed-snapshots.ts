/**
 * Which snapshot of each account `restore latest --all --resume` goes on with: the one that its directory was begun
 * with, whatever backups have come since.
 */

import type { HoldfastError } from '../core/errors.ts';
import { isHoldfastError } from '../core/errors.ts';
import { opened, type Snapshot } from '../core/jobs/catalog.ts';
import { findAnySnapshot } from '../core/jobs/find-snapshot.ts';
import { markIn } from '../core/jobs/restore/restore-mark.ts';
import { listCandidates } from './find-snapshot.ts';
import type { StoreSession } from './store-session.ts';
import { requireTrustedSnapshot } from './trusted-snapshot.ts';

export interface Planned {
  readonly snapshot: Snapshot;
  readonly target: string;
}

export interface Resumed {
  readonly planned: readonly Planned[];
  /** Where another than the newest is gone on with. */
  readonly older: readonly {
    readonly target: string;
    readonly snapshot: Snapshot;
    readonly newest: Snapshot;
  }[];
  /** What was begun and cannot be read or trusted any more; by its target. */
  readonly refused: readonly { readonly key: string; readonly error: HoldfastError }[];
}

export async function resumedSnapshots(
  session: Pick<StoreSession, 'search' | 'trust'>,
  newest: readonly Planned[],
): Promise<Resumed> {
  const result = {
    planned: [] as Planned[],
    older: [] as Resumed['older'][number][],
    refused: [] as Resumed['refused'][number][],
  };
  for (const one of newest) {
    const { target } = one;
    const { header } = one.snapshot;
    const mark = markIn(target);
    // What is of another account, or of none, is refused when it comes to it.
    if (mark === null || mark.owner !== header.owner || mark.id === header.id) {
      result.planned.push(one);
      continue;
    }
    try {
      const snapshot = await begunWith(session, mark);
      result.planned.push({ snapshot, target });
      result.older.push({ target, snapshot, newest: one.snapshot });
    } catch (error) {
      if (!isHoldfastError(error) || !ofThisSnapshot.has(error.code)) throw error;
      result.refused.push({ key: target, error });
    }
  }
  return result;
}

const ofThisSnapshot: ReadonlySet<string> = new Set([
  ...['SNAPSHOT_NOT_FOUND', 'SNAPSHOT_UNTRUSTED', 'OBJECT_DAMAGED', 'OBJECT_MISSING', 'FORMAT_UNSUPPORTED'],
  ...['IDENTITY_MISSING', 'IDENTITY_WRONG'],
]);

async function begunWith(
  session: Pick<StoreSession, 'search' | 'trust'>,
  { owner, id }: { readonly owner: string; readonly id: string },
): Promise<Snapshot> {
  const { provider, signal, trust } = session.search;
  const found = await findAnySnapshot(
    provider,
    await listCandidates(session.search, owner),
    id,
    signal,
    trust,
  );
  await requireTrustedSnapshot(session, found);
  return opened(provider, found, signal);
}
