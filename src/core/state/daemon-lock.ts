/**
 * One daemon for each state directory: a lock that dies with its holder, and a note of who that is.
 *
 * The kernel's flock decides; the number in the file is for the message alone. Whoever only looks shares the lock
 * for that moment, so that nobody is taken for a daemon but the daemon.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../errors.ts';
import {
  AT_FDCWD,
  closeFd,
  errnoName,
  lockExclusive,
  lockShared,
  O,
  openAt,
  zName,
} from '../filesystem/native.ts';

const mostTries = 200;
const tryEveryMs = 10;

const fileOf = (stateDir: string): string => join(stateDir, 'daemon.lock');

/** @throws DAEMON_RUNNING another process holds it; PREREQUISITE_MISSING the file cannot be made */
export async function lockDaemon(stateDir: string): Promise<{ release(): void }> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const path = fileOf(stateDir);
  const fd = openLock(path, O.CREAT);
  if (!(await lockAlone(fd, path))) {
    closeFd(fd);
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
  return { release: () => closeFd(fd) };
}

/** False where a daemon has it. Those that only look are done in a moment. */
async function lockAlone(fd: number, path: string): Promise<boolean> {
  for (let tries = 0; lockExclusive(fd) < 0; tries += 1) {
    if (tries === mostTries || isHeld(path)) return false;
    await sleep(tryEveryMs);
  }
  return true;
}

/** Whether a daemon has it. Takes nothing for longer than a look. */
function isHeld(path: string): boolean {
  const fd = openAt(AT_FDCWD, zName(path), O.WRONLY | O.NOFOLLOW, 0);
  if (fd < 0) return false;
  const held = lockShared(fd) < 0;
  closeFd(fd);
  return held;
}

/** Number of the process that holds the lock; null where none does. */
export function daemonPid(stateDir: string): number | null {
  const path = fileOf(stateDir);
  return isHeld(path) ? (pidIn(path) ?? 0) : null;
}

function openLock(path: string, flags: number): number {
  const fd = openAt(AT_FDCWD, zName(path), flags | O.WRONLY | O.NOFOLLOW, 0o600);
  if (fd >= 0) return fd;
  throw new HoldfastError('PREREQUISITE_MISSING', `cannot make the lock ${path}: ${errnoName(fd)}`, {
    hint: 'Check the state directory.',
  });
}

function pidIn(path: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isSafeInteger(pid) ? pid : null;
  } catch {
    return null;
  }
}
