/**
 * Runs one program of the administrator: argument array, JSON on standard input, a time limit.
 *
 * Never through a shell, and in a process group of its own, so that what it started dies with it. Knows
 * nothing of when or why. Output is kept up to 16 KiB, for logs.
 */

import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { printable } from '../printable.ts';

const keptBytes = 16 * 1024;

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
  const unsafe = await whyUnsafe(run.command[0]!);
  if (unsafe !== null) return { failure: unsafe, output: '' };
  const [program, ...args] = run.command;
  const child = spawn(program!, args, { env: run.env, detached: true, cwd: '/', stdio: 'pipe' });
  let output = '';
  const keep = (chunk: Buffer): void => {
    if (output.length < keptBytes) output += chunk.toString('utf8').slice(0, keptBytes - output.length);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  // It need not read what it is told.
  child.stdin.on('error', () => {});
  child.stdin.end(`${JSON.stringify(run.input)}\n`);
  const ended = new Promise<string | null>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => resolve(`cannot be started: ${error.code}`));
    child.once('exit', (status, signal) => {
      if (signal !== null) resolve(`was ended by ${signal}`);
      else resolve(status === 0 ? null : `ended with status ${status}`);
    });
  });
  const done = new AbortController();
  const limit = AbortSignal.any([run.signal, done.signal]);
  const late = sleep(run.timeoutMs, `took longer than ${run.timeoutMs / 1000} s`, { signal: limit }).catch(
    () => (run.signal.aborted ? 'was interrupted' : null),
  );
  const failure = await Promise.race([ended, late]);
  done.abort();
  if (child.exitCode === null && child.signalCode === null) killGroup(child.pid);
  // Something it left running may still hold its output open.
  child.stdout.destroy();
  child.stderr.destroy();
  return { failure, output };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** What root runs must be nobody else's to change. Null where it is fine. */
async function whyUnsafe(program: string): Promise<string | null> {
  try {
    const { uid, mode } = await stat(program);
    if (uid !== 0 && uid !== process.getuid?.()) return `belongs to uid ${uid}, who could change it`;
    return (mode & 0o022) === 0 ? null : 'can be changed by its group or by everybody';
  } catch (error) {
    return `cannot be found: ${printable(String((error as NodeJS.ErrnoException).code))}`;
  }
}
