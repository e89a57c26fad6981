/**
 * Unfinished files: made in `.tmp~`, named after the process that writes them, removed when it is dead.
 *
 * A name is `<origin>-<pid>-<start>-<number>`. Origin is a hash of the boot and the PID namespace: only
 * for its own can a process tell whether another lives. Files of other origins (another container,
 * another host on a shared file system, before a reboot) are removed when they are a day old by the
 * store's own clock.
 */

import { createHash } from 'node:crypto';
import {
  constants,
  type FileHandle,
  lstat,
  open,
  readdir,
  readFile,
  readlink,
  unlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryName } from './layout.ts';
import { errnoOf } from './system-error.ts';

const foreignLifetimeMs = 24 * 60 * 60 * 1000;
const namePattern = /^(?<origin>[0-9a-f]{12})-(?<pid>\d+)-(?<start>\d+)-\d+$/;
const fileMode = 0o600;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

export interface TemporaryFile {
  readonly path: string;
  readonly handle: FileHandle;
}

interface Writer {
  readonly origin: string;
  readonly pid: number;
  /** Clock ticks from boot to the start of the process; tells it from a later one with its pid. */
  readonly start: string;
}

let numbers = 0;

/** Makes an empty file that nobody else writes to. The directory must exist. */
export async function createTemporary(root: string): Promise<TemporaryFile> {
  const { origin, pid, start } = await thisWriter();
  numbers += 1;
  const path = join(root, temporaryName, `${origin}-${pid}-${start}-${numbers}`);
  const handle = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, fileMode);
  return { path, handle };
}

/**
 * Removes what dead writers left. `storeNowMs` is the store's clock, as a file just made tells it.
 * What cannot be removed stays: it costs space and does no harm.
 */
export async function removeStale(root: string, storeNowMs: number): Promise<void> {
  const writer = await thisWriter();
  const directory = join(root, temporaryName);
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if (await isStale(path, name, writer, storeNowMs)) await unlink(path).catch(() => {});
  }
}

async function isStale(path: string, name: string, writer: Writer, storeNowMs: number): Promise<boolean> {
  const { origin, pid, start } = namePattern.exec(name)?.groups ?? {};
  if (origin === writer.origin) return (await startOf(Number(pid))) !== start;
  try {
    return storeNowMs - (await lstat(path)).mtimeMs > foreignLifetimeMs;
  } catch {
    return false;
  }
}

let writer: Promise<Writer> | undefined;

function thisWriter(): Promise<Writer> {
  writer ??= (async () => {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const namespace = await readlink('/proc/self/ns/pid');
    const origin = createHash('sha256').update(`${boot}${namespace}`).digest('hex').slice(0, 12);
    return { origin, pid: process.pid, start: (await startOf(process.pid)) ?? '0' };
  })();
  return writer;
}

/** Field 22 of `/proc/PID/stat`, or null where there is no such process. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    // The command, field 2, may contain spaces and parentheses; fields count from its last one.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return null;
    throw error;
  }
}
