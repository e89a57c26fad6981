/** What commands cost, as `measure.py` sees it from the outside. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** One program, or several joined by pipes. */
export interface Command {
  readonly stages: readonly (readonly string[])[];
  readonly cwd?: string;
  /** Takes the last stage's stdout, which is thrown away otherwise. */
  readonly output?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Statuses that are no failure, beside 0. */
  readonly accepts?: readonly number[];
}

export interface Sample {
  /** To the end of the `sync` that follows the commands. */
  readonly wallSeconds: number;
  /** To the end of the last command. */
  readonly commandSeconds: number;
  /** User and system time of the commands and all they started; not that of the kernel's own threads. */
  readonly cpuSeconds: number;
  /** Of the most hungry command; the stages of a pipe add up. */
  readonly peakBytes: number;
}

/** Runs the commands one after another. Throws where one fails, with its complaint on stderr. */
export function measure(commands: readonly Command[], { sync }: { readonly sync: boolean }): Sample {
  const { status, stdout } = spawnSync('python3', ['-B', join(import.meta.dirname, 'measure.py')], {
    input: JSON.stringify({ commands, sync }),
    stdio: ['pipe', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error('a measured command failed');
  return JSON.parse(stdout) as Sample;
}

/** Runs a program that is not measured; returns its stdout. Throws with that where it fails. */
export function run(argv: readonly string[], options: Pick<Command, 'cwd' | 'env' | 'accepts'> = {}): string {
  const { status, stdout, error } = spawnSync(argv[0]!, argv.slice(1), {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 256 << 20,
  });
  if (error !== undefined) throw error;
  if (status === null || ![0, ...(options.accepts ?? [])].includes(status))
    throw new Error(`${argv.join(' ')}: status ${status}\n${stdout}`);
  return stdout;
}
