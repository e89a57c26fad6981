/**
 * Runs one program of the administrator: argument array, JSON on standard input, a time limit.
 *
 * Never through a shell, and in a process group of its own, so that what it started dies with it. Knows
 * nothing of when or why. Output is kept up to 16 KiB, for logs.
 */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { access, constants, open, realpath, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { findChangeable } from '../changeable.ts';
import { printable } from '../printable.ts';

const keptBytes = 16 * 1024;
const lastWordsMs = 500;

export interface ProgramRun {
  readonly command: readonly string[];
  readonly input: unknown;
  readonly timeoutMs: number;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface ProgramResult {
  /** Why it counts as failed, or null. */
  readonly failure: string | null;
  /** What it wrote to standard output and error; controls are still in it. */
  readonly output: string;
}

/** Never rejects. */
export async function runProgram(run: ProgramRun): Promise<ProgramResult> {
  const refused = await whyNotRun(run.command[0]!);
  if (refused !== null) return { failure: refused, output: '' };
  const [program, ...args] = run.command;
  let child: ChildProcessWithoutNullStreams;
  try {
    child = spawn(program!, args, { env: run.env, detached: true, cwd: '/', stdio: 'pipe' });
  } catch (error) {
    return { failure: notStarted(error), output: '' };
  }
  let output = '';
  const keep = (text: string): void => {
    if (output.length < keptBytes) output += text.slice(0, keptBytes - output.length);
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  // It need not read what it is told.
  child.stdin.on('error', () => {});
  child.stdin.end(`${JSON.stringify(run.input)}\n`);
  const ended = new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(notStarted(error)));
    child.once('exit', (status, signal) => {
      if (signal !== null) resolve(`was ended by ${signal}`);
      else resolve(status === 0 ? null : `ended with status ${status}`);
    });
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  const done = new AbortController();
  const limit = AbortSignal.any([run.signal, done.signal]);
  const late = sleep(run.timeoutMs, `took longer than ${run.timeoutMs / 1000} s`, { signal: limit }).catch(
    () => (run.signal.aborted ? 'was interrupted' : null),
  );
  const failure = await Promise.race([ended, late]);
  done.abort();
  // What it said last may still be on its way; what it left running may hold its output open for ever.
  if (child.exitCode !== null || child.signalCode !== null)
    await Promise.race([closed, sleep(lastWordsMs, undefined, { ref: false })]);
  else killGroup(child.pid);
  child.stdout.destroy();
  child.stderr.destroy();
  return { failure, output };
}

/** Why a program is not run, or null. */
export const whyNotRun = async (program: string): Promise<string | null> =>
  (await whyUnsafe(program)) ?? (await whyNotExecutable(program)) ?? (await whyNoProgram(program));

const notStarted = (error: unknown): string =>
  `cannot be started: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`;

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** What root runs must be nobody else's to change or to exchange, on the way to it either. Null where it is fine. */
async function whyUnsafe(program: string): Promise<string | null> {
  try {
    const found = findChangeable(program);
    if (found === null) return null;
    const { at, why } = found;
    return at === (await realpath(program)) ? why : `lies in ${printable(at, 4096)}, which ${why}`;
  } catch (error) {
    return `cannot be found: ${printable(String((error as NodeJS.ErrnoException).code))}`;
  }
}

async function whyNotExecutable(program: string): Promise<string | null> {
  const stats = await stat(program).catch(() => null);
  if (stats?.isFile() !== true) return 'is no file';
  return access(program, constants.X_OK).then(
    () => null,
    () => 'is not executable',
  );
}

const headBytes = 256;

/** The C library hands what the kernel cannot run to /bin/sh, and there is to be no shell that nobody named. */
async function whyNoProgram(program: string): Promise<string | null> {
  const file = await open(program, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => null);
  if (file === null) return null; // may be run, not read
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    const head = buffer.subarray(0, bytesRead);
    const isScript = head.subarray(0, 2).toString('latin1') === '#!';
    return isScript || head.includes(0)
      ? null
      : 'is no program: a script begins with a line such as #!/bin/sh';
  } catch {
    return null;
  } finally {
    await file.close();
  }
}
