/**
 * One daemon for each state directory: a lock that dies with its holder, and a note of who that is.
 *
 * The kernel's flock decides; the number in the file is for the message alone.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError } from '../errors.ts';
import { AT_FDCWD, closeFd, errnoName, lockExclusive, O, openAt, zName } from '../filesystem/native.ts';

const fileOf = (stateDir: string): string => join(stateDir, 'daemon.lock');

/** @throws DAEMON_RUNNING another process holds it; PREREQUISITE_MISSING the file cannot be made */
export function lockDaemon(stateDir: string): { release(): void } {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const path = fileOf(stateDir);
  const fd = openLock(path, O.CREAT);
  if (lockExclusive(fd) < 0) {
    closeFd(fd);
    const pid = pidIn(path);
    const who = pid === null ? 'another process' : `process ${pid}`;
    throw new HoldfastError('DAEMON_RUNNING', `${who} runs the schedules of ${stateDir} already`, {
      hint: 'Leave it running, or stop it first.',
    });
  }
  writeFileSync(path, `${process.pid}\n`);
  return { release: () => closeFd(fd) };
}

/** Number of the process that holds the lock; null where none does. Takes nothing for longer than a look. */
export function daemonPid(stateDir: string): number | null {
  const path = fileOf(stateDir);
  const fd = openAt(AT_FDCWD, zName(path), O.WRONLY | O.NOFOLLOW, 0);
  if (fd < 0) return null;
  const held = lockExclusive(fd) < 0;
  closeFd(fd);
  return held ? (pidIn(path) ?? 0) : null;
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
