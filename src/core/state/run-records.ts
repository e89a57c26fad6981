/**
 * Runs under way on this server, and those that were interrupted: one small file each, in the state.
 *
 * A run that ends in an orderly way leaves no file. What a killed or rebooted one leaves is recognised by its process. One
 * that was stopped by a signal says so itself.
 */

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ErrorCode } from '../errors.ts';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';
import { isAlive, ownMark, type ProcessMark } from './process-mark.ts';
import { isRunFile } from './state-schemas.ts';

export interface RunRecord {
  /** Twelve hex digits. */
  readonly id: string;
  /** Name of the addin configuration. */
  readonly addin: string;
  readonly startedAtMs: number;
  /** The schedule began it; false where nobody said. */
  readonly scheduled?: boolean;
  /** It is over all accounts of its configuration; true where nobody said. */
  readonly whole?: boolean;
  /** Accounts that the run is to back up, and those that it is done with, well or not. */
  readonly accounts: number;
  readonly done: number;
  /** Of those; 0 where nobody said. */
  readonly failed?: number;
}

export interface KnownRun extends RunRecord {
  readonly failed: number;
  readonly state: 'running' | 'interrupted';
  /** It ended without a word, as a process does that is killed: only others can tell. */
  readonly silent: boolean;
}

export interface RunHandle {
  readonly id: string;
  /** One more account ended so; one that was cut off is not done. Writes now and then only; never fails. */
  done(error: ErrorCode | null, nowMs: number): Promise<void>;
  /** Forgets the run, and interrupted ones of this configuration that it has caught up with. */
  end(): Promise<void>;
  /** Keeps it as interrupted; never fails. */
  interrupted(): Promise<void>;
}

interface RunFile extends RunRecord, ProcessMark {
  readonly stopped: boolean;
}

type Begun = Omit<RunRecord, 'done' | 'failed'>;

const writeEveryMs = 2000;
const directoryOf = (stateDir: string): string => join(stateDir, 'runs');

export async function beginRun(stateDir: string, run: Begun): Promise<RunHandle> {
  const directory = directoryOf(stateDir);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `${run.id}.json`);
  let file = { ...run, done: 0, failed: 0, ...ownMark(), stopped: false } satisfies RunFile;
  await writeJsonFile(path, file);
  let writtenAtMs = run.startedAtMs;
  return {
    id: run.id,
    async done(error, nowMs) {
      if (error === 'INTERRUPTED') return;
      file = { ...file, done: file.done + 1, failed: file.failed + (error === null ? 0 : 1) };
      if (nowMs - writtenAtMs < writeEveryMs) return;
      writtenAtMs = nowMs;
      await writeJsonFile(path, file).catch(() => {}); // it is only for `status`
    },
    async end() {
      for (const other of await readFiles(stateDir)) {
        if (other.addin !== run.addin || isRunning(other) || !hasCaughtUp(run, other)) continue;
        await forget(stateDir, other.id);
      }
      await rm(path, { force: true });
    },
    async interrupted() {
      // Where it cannot be written, it passes for one that was killed.
      await writeJsonFile(path, { ...file, stopped: true }).catch(() => {});
    },
  };
}

/** Accounts become fewer: what was over all of them is made good by the next one that is. */
function hasCaughtUp(run: Begun, { whole = true, accounts }: RunRecord): boolean {
  return run.whole === true || (!whole && accounts <= run.accounts);
}

/** Forgets interrupted runs that began before then: nothing caught up with them, and nothing will. */
export async function forgetInterrupted(stateDir: string, beforeMs: number): Promise<void> {
  for (const run of await readFiles(stateDir)) {
    if (run.startedAtMs < beforeMs && !isRunning(run)) await forget(stateDir, run.id);
  }
}

async function forget(stateDir: string, id: string): Promise<void> {
  await rm(join(directoryOf(stateDir), `${id}.json`), { force: true });
  await rm(toldFile(stateDir, id), { force: true });
}

/** Oldest first. */
export async function knownRuns(stateDir: string): Promise<KnownRun[]> {
  const files = await readFiles(stateDir);
  return files
    .map((file): KnownRun => {
      const { id, addin, startedAtMs, scheduled = false, accounts, done, failed = 0, stopped } = file;
      const about = { id, addin, startedAtMs, scheduled, accounts, done, failed };
      if (isRunning(file)) return { ...about, state: 'running', silent: false };
      return { ...about, state: 'interrupted', silent: !stopped };
    })
    .sort((a, b) => a.startedAtMs - b.startedAtMs);
}

const toldFile = (stateDir: string, id: string): string => join(directoryOf(stateDir), `${id}.told`);

/** One that was killed while it told, or reached nobody, is followed by another after so long. */
const tellAgainMs = 600_000;

/**
 * True for the first that asks: it is to tell that the run was interrupted, and to say so with `rememberTold`. For
 * another one when that has not come about.
 */
export async function claimTelling(stateDir: string, id: string, nowMs: number): Promise<boolean> {
  const path = toldFile(stateDir, id);
  const claim = { claimedAtMs: nowMs };
  if (await writeJsonFile(path, claim, { createOnly: true })) return true;
  const read = await readJsonFile(path);
  const { claimedAtMs } = (('value' in read && read.value) || {}) as { claimedAtMs?: unknown };
  if (typeof claimedAtMs !== 'number' || Math.abs(nowMs - claimedAtMs) < tellAgainMs) return false;
  return writeJsonFile(path, claim);
}

export async function rememberTold(stateDir: string, id: string): Promise<void> {
  await writeJsonFile(toldFile(stateDir, id), {});
}

async function readFiles(stateDir: string): Promise<RunFile[]> {
  const directory = directoryOf(stateDir);
  const names = await readdir(directory).catch((): string[] => []);
  const files: RunFile[] = [];
  for (const name of names.filter((one) => /^[0-9a-f]{12}\.json$/.test(one))) {
    const read = await readJsonFile(join(directory, name));
    if ('value' in read && isRunFile(read.value) && `${read.value.id}.json` === name) files.push(read.value);
  }
  return files;
}

const isRunning = (file: RunFile): boolean => !file.stopped && isAlive(file);
