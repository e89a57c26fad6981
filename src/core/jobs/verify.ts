/**
 * Verifies snapshots: that every object is there and as large as recorded, that the index is whole and
 * points inside its objects; with `readData` also every stored byte and the hash of every file; and, where
 * whole histories are given, that no snapshot is missing from them.
 *
 * Names what a damaged object affects: snapshot, component, path. Changes nothing.
 */

import { type ErrorCode, errorCodes } from '../errors.ts';
import { Erasures } from './erasures.ts';
import { NewestLost } from './has-lost.ts';
import { RestoreThreads } from './restore/restore-threads.ts';
import { verifyEvents } from './verify-events.ts';
import { historyCodes, verifyHistories } from './verify-history.ts';
import { KeyCheck } from './verify-keys.ts';
import { withoutKnown } from './verify-known.ts';
import { verifyNames } from './verify-names.ts';
import { CheckedOnce } from './verify-once.ts';
import { namedPaths, worstFirst } from './verify-problems.ts';
import { countingReads } from './verify-reads.ts';
import { type Totals, type Verified, verifySnapshot, type Work } from './verify-snapshot.ts';
import type { VerifyReport, VerifyRequest } from './verify-types.ts';
import { wasPruned } from './was-pruned.ts';

/**
 * @throws STORE_UNAVAILABLE, STORE_DENIED, INTERRUPTED; everything about contents is in the report
 * @throws IDENTITY_WRONG the identity opens none of the snapshots: where it opens some, the others are in the report
 */
export async function verify(asked: VerifyRequest): Promise<VerifyReport> {
  const keys = new KeyCheck(asked);
  const totals: Totals = {
    objectsChecked: 0,
    keys,
    erasures: new Erasures(asked),
    links: [],
    newest: new NewestLost(),
    unreadable: [],
    opened: 0,
    wrongKey: null,
    pathsLeft: namedPaths,
  };
  const verified: Verified[] = [];
  let [pruned, bytesRead] = [0, 0];
  const pool = asked.pool ?? new RestoreThreads(asked.threads);
  const counted = countingReads(asked.provider, (bytes) => {
    bytesRead += bytes;
    asked.onEvent({ type: 'bytes', bytes });
  });
  const request: Work = { ...asked, provider: counted, pool, checked: new CheckedOnce() };
  try {
    for (const listed of request.snapshots) {
      const one = await verifySnapshot(request, listed, totals);
      request.onEvent({ type: 'snapshot' });
      if (one.found.length > 0 && (await wasPruned(request, listed))) pruned += 1;
      else verified.push(one);
    }
  } finally {
    if (asked.pool === undefined) await pool.close();
  }
  const snapshots = withoutKnown(verified);
  if (totals.wrongKey !== null && totals.opened === 0) throw totals.wrongKey;
  const histories =
    request.wholeHistories === true
      ? [
          ...(await verifyHistories({ ...request, ...totals })),
          ...(await verifyEvents(request)),
          ...(await verifyNames(request)),
        ]
      : [];
  const wrong = new Set<ErrorCode>([
    ...snapshots.flatMap(({ found }) => found.map(({ code }) => code)),
    ...histories.map(({ kind }) => historyCodes[kind]),
  ]);
  const code = worstFirst.find((one) => wrong.has(one));
  return {
    snapshots: snapshots.map(({ snapshot, found }) => ({
      ...snapshot,
      problems: found.map(({ problem }) => problem),
    })),
    pruned,
    histories,
    newestLost: request.wholeHistories === true ? totals.newest.lost : 0,
    objectsChecked: totals.objectsChecked,
    bytesRead,
    exitStatus: code === undefined ? 0 : errorCodes[code].exit,
  };
}
