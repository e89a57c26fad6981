/**
 * One job at a time per account on this machine, and one run per addin configuration: locks that die with their holders.
 *
 * Each is a file under the state directory.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../errors.ts';
import { type FileLock, tryFileLock } from '../filesystem/file-lock.ts';
import { throwIfInterrupted } from '../interruption.ts';

const awaitEveryMs = 500;

export type AccountLock = FileLock;

/** @throws ACCOUNT_LOCKED another job holds it; PREREQUISITE_MISSING the lock file cannot be made */
export function lockAccount(stateDir: string, owner: string, site: string): AccountLock {
  const lock = tryLockAccount(stateDir, owner);
  if (lock === null) throw accountLocked(site);
  return lock;
}

export const accountLocked = (site: string): HoldfastError =>
  new HoldfastError('ACCOUNT_LOCKED', `account ${site} is being worked on by another job`, {
    hint: 'Wait until that job ends, then run this one again.',
  });

/** Null where another job holds it. @throws PREREQUISITE_MISSING the lock file cannot be made */
export function tryLockAccount(stateDir: string, owner: string): AccountLock | null {
  const directory = join(stateDir, 'locks');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, owner);
  return tryFileLock({
    path,
    refusal: (why) =>
      new HoldfastError('PREREQUISITE_MISSING', `cannot make the lock ${path}: ${why}`, {
        hint: 'Check the state directory.',
      }),
  });
}

export interface LockWait {
  /** When to give up, by `now`. */
  readonly untilMs: number;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** How often a lock that is waited for is asked for. */
export const lockPollMs = 250;

/** As `lockAccount`, once another job is done. @throws ACCOUNT_LOCKED it took too long; PREREQUISITE_MISSING; when aborted */
export async function awaitAccount(
  stateDir: string,
  owner: string,
  site: string,
  { untilMs, now, signal }: LockWait,
): Promise<AccountLock> {
  for (;;) {
    const lock = tryLockAccount(stateDir, owner);
    if (lock !== null) return lock;
    if (now() >= untilMs) throw accountLocked(site);
    await sleep(lockPollMs, undefined, { signal });
  }
}

/**
 * For a run over all accounts of an addin configuration.
 *
 * @throws RUN_UNDER_WAY another such run holds it; PREREQUISITE_MISSING
 */
export function lockRun(stateDir: string, addin: string): AccountLock {
  const lock = tryLockAccount(stateDir, `run-${addin}`);
  if (lock !== null) return lock;
  throw new HoldfastError('RUN_UNDER_WAY', `a run of ${addin} is under way`, {
    hint: 'Wait for its end, which holdfast status shows, or name single accounts with --account.',
  });
}

/** As `lockRun`, but waits for the end of the other run. @throws INTERRUPTED, PREREQUISITE_MISSING */
export async function awaitRun(stateDir: string, addin: string, signal: AbortSignal): Promise<AccountLock> {
  for (;;) {
    const lock = tryLockAccount(stateDir, `run-${addin}`);
    if (lock !== null) return lock;
    await sleep(awaitEveryMs, undefined, { signal }).catch(() => throwIfInterrupted(signal, 'the backup'));
  }
}

/** Works while it holds the account; `locked` where another job does. @throws PREREQUISITE_MISSING */
export async function underLock<T>(
  stateDir: string,
  owner: string,
  work: () => Promise<T>,
): Promise<T | 'locked'> {
  const lock = tryLockAccount(stateDir, owner);
  if (lock === null) return 'locked';
  try {
    return await work();
  } finally {
    lock.release();
  }
}
