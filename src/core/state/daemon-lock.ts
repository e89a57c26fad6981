/**
 * One daemon for each state directory: a lock that dies with its holder, and a note of who that is.
 *
 * The lock decides; the number in the file is for the message alone. Whoever only looks shares the lock for that
 * moment, so that nobody is taken for a daemon but the daemon.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError } from '../errors.ts';
import { awaitFileLock, type FileLock, isFileLocked } from '../filesystem/file-lock.ts';

/** Those that only look are done in a moment. */
const patience = { tries: 200, everyMs: 10 };

const fileOf = (stateDir: string): string => join(stateDir, 'daemon.lock');

/** @throws DAEMON_RUNNING another process holds it; PREREQUISITE_MISSING the file cannot be made */
export async function lockDaemon(stateDir: string): Promise<FileLock> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const path = fileOf(stateDir);
  const refusal = (why: string): HoldfastError =>
    new HoldfastError('PREREQUISITE_MISSING', `cannot make the lock ${path}: ${why}`, {
      hint: 'Check the state directory.',
    });
  const lock = await awaitFileLock({ path, refusal }, { ...patience, isVain: () => isFileLocked(path) });
  if (lock === null) {
    const pid = pidIn(path);
    const who = pid === null ? 'another process' : `process ${pid}`;
    throw new HoldfastError('DAEMON_RUNNING', `${who} runs the schedules of ${stateDir} already`, {
      hint: 'Leave it running, or stop it first.',
    });
  }
  try {
    writeFileSync(path, `${process.pid}\n`);
  } catch {
    // On a full disk, say. The lock is held all the same.
  }
  return lock;
}

/** Number of the process that holds the lock; null where none does. */
export function daemonPid(stateDir: string): number | null {
  const path = fileOf(stateDir);
  return isFileLocked(path) ? (pidIn(path) ?? 0) : null;
}

function pidIn(path: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isSafeInteger(pid) ? pid : null;
  } catch {
    return null;
  }
}
