/**
 * Figures of the last run of each addin configuration, for the textfile collector of the node exporter.
 *
 * One file for all of them: those of other configurations are kept as they stand, so only one process at a time
 * reads and writes it. Written beside and renamed, since the collector may read at any time. No figure has a label that an account controls.
 * The directory may be the collector's: what it has put where we read or write is neither followed nor waited for.
 */

import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Notification } from '../contracts/notifier.ts';
import { HoldfastError } from '../errors.ts';
import { isFailure } from '../exit-status.ts';
import { awaitFileLock, type FileLock } from '../filesystem/file-lock.ts';
import { printable } from '../printable.ts';
import { readRegularFile } from '../regular-file.ts';
import { systemCode } from '../system-code.ts';

const prefix = 'holdfast_last_run_';
const sample = new RegExp(`^(${prefix}[a-z_]+)\\{addin="([a-z0-9-]+)"\\} ([0-9.e+-]+)$`, 'gm');

const helps: Readonly<Record<string, string>> = {
  end_timestamp_seconds: 'When the last run ended.',
  success_timestamp_seconds: 'When the last run without an error ended.',
  exit_status: 'Exit status of the last run; 100 to 127 are warnings.',
  duration_seconds: 'How long it took.',
  snapshots: 'Snapshots it committed.',
  partial_snapshots: 'Those of them that lack a component.',
  failed_accounts: 'Accounts without a snapshot.',
  warnings: 'Warnings in its snapshots.',
  bytes: 'Plain bytes of files and database exports in its snapshots.',
};

/** Far more than the figures of any number of configurations. */
const mostBytes = 2 ** 20;
const patience = { tries: 500, everyMs: 20 };

/** @throws PREREQUISITE_MISSING the file cannot be written, or others write it for ten seconds */
export async function writeMetrics(path: string, notification: Notification): Promise<void> {
  const { addin, exitStatus } = notification;
  if (addin === null || exitStatus === null) return;
  const lock = await lockDirectoryOf(path);
  try {
    await writeLocked(path, { ...notification, addin, exitStatus });
  } finally {
    lock.release();
  }
}

/** On the directory, so that the collector finds no file of ours that has no figures. */
async function lockDirectoryOf(path: string): Promise<FileLock> {
  const refusal = (why: string): HoldfastError => unwritable(path, why);
  const lock = await awaitFileLock({ path: dirname(path), directory: true, refusal }, patience);
  if (lock === null) throw unwritable(path, 'another process holds its directory');
  return lock;
}

const unwritable = (path: string, why: string, cause?: unknown): HoldfastError =>
  new HoldfastError('PREREQUISITE_MISSING', `cannot write ${printable(path)}: ${why}`, { cause });

interface RunEnd extends Notification {
  readonly addin: string;
  readonly exitStatus: number;
}

async function writeLocked(path: string, notification: RunEnd): Promise<void> {
  const { addin, exitStatus, figures, durationMs, atMs } = notification;
  const { Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  const gauges = new Map(
    Object.entries(helps).map(([name, help]) => [
      name,
      new Gauge({ name: `${prefix}${name}`, help, labelNames: ['addin'], registers: [registry] }),
    ]),
  );
  const set = (name: string, of: string, value: number): void => gauges.get(name)?.set({ addin: of }, value);
  const before = await figuresIn(path);
  for (const [, name, of, value] of before.matchAll(sample)) {
    set(name!.slice(prefix.length), of!, Number(value));
  }
  set('end_timestamp_seconds', addin, atMs / 1000);
  if (!isFailure(exitStatus)) set('success_timestamp_seconds', addin, atMs / 1000);
  set('exit_status', addin, exitStatus);
  set('duration_seconds', addin, (durationMs ?? 0) / 1000);
  set('snapshots', addin, figures?.snapshots ?? 0);
  set('partial_snapshots', addin, figures?.partial ?? 0);
  set('failed_accounts', addin, figures?.failed ?? 0);
  set('warnings', addin, figures?.warnings ?? 0);
  set('bytes', addin, figures?.bytes ?? 0);
  await putInPlace(path, await registry.metrics());
}

/** Empty where there is no plain file of ours; whatever is there instead is replaced. */
async function figuresIn(path: string): Promise<string> {
  try {
    return (await readRegularFile(path, { follow: false, mostBytes }))?.toString('utf8') ?? '';
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENXIO') return '';
    throw unwritable(path, String(code), cause);
  }
}

async function putInPlace(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  try {
    const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
    try {
      await file.writeFile(text);
      // Whatever the umask: the collector is not root.
      await file.chmod(0o644);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await unlink(temporary).catch(() => {}); // it may not be there
    throw unwritable(path, String(systemCode(cause)), cause);
  }
}
