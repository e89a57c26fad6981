/**
 * One import at a time that changes a setting of a database server for a moment. A lock of this machine's, since one of
 * the server's could be taken by every user it has.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { encodeName } from '../../archive/keys.ts';
import { throwIfInterrupted } from '../../interruption.ts';
import { type AccountLock, lockPollMs, tryLockAccount } from '../account-lock.ts';

/** Longer than an import that is well needs it. */
const longestWaitMs = 20_000;

/** Null where another import does not let go of it. @throws PREREQUISITE_MISSING the lock file cannot be made */
export async function lockServer(
  stateDir: string,
  instance: string,
  signal: AbortSignal,
): Promise<AccountLock | null> {
  for (let waitedMs = 0; ; waitedMs += lockPollMs) {
    const lock = tryLockAccount(stateDir, `server-${encodeName(instance)}`);
    if (lock !== null || waitedMs >= longestWaitMs) return lock;
    await sleep(lockPollMs, undefined, { signal }).catch(() => throwIfInterrupted(signal, 'the import'));
  }
}
