/**
 * A scheduled run as a process of its own, so that whatever becomes of it the daemon goes on.
 *
 * It gets niceness and I/O class from the first instruction on, and hears SIGTERM when the daemon stops.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { getPriority } from 'node:os';
import type { Limits } from '../../core/config/operations-schema.ts';
import { printable } from '../../core/printable.ts';
import type { RunOrder } from '../../core/schedule/schedule.ts';

export interface ProcessEnd {
  readonly status: number | null;
  /** Name of the signal that ended it, or null. */
  readonly signal: string | null;
  /** Why it could not be started, or null. */
  readonly failure: string | null;
}

export interface RunProcess {
  readonly order: RunOrder;
  readonly configDir: string;
  readonly limits: Limits;
  readonly signal: AbortSignal;
}

/** Never rejects. */
export function runProcess({ order, configDir, limits, signal }: RunProcess): Promise<ProcessEnd> {
  const { addin, level } = order.item;
  const until = order.untilMs === null ? [] : ['--until', new Date(order.untilMs).toISOString()];
  const backup = ['backup', '--addin', addin, '--level', level, '--scheduled', ...until];
  const [program, ...args] = [
    ...priority(limits),
    ...ourselves(),
    '--config',
    configDir,
    '--quiet',
    ...backup,
  ];
  let child: ChildProcess;
  try {
    // In a group of its own: an interrupt typed at the daemon reaches it once, through the daemon.
    // It writes where the daemon does, not into a pipe of it that would break with the daemon.
    child = spawn(program!, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  } catch (error) {
    return Promise.resolve(notStarted(program!, error));
  }
  const stop = (): void => {
    child.kill('SIGTERM');
  };
  signal.addEventListener('abort', stop, { once: true });
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(notStarted(program!, error)));
    child.once('close', (status, ended) => {
      signal.removeEventListener('abort', stop);
      resolve({ status, signal: ended, failure: null });
    });
    if (signal.aborted) stop();
  });
}

const notStarted = (program: string, error: unknown): ProcessEnd => {
  const why = (error as NodeJS.ErrnoException).code ?? 'unknown';
  return { status: null, signal: null, failure: `cannot start ${printable(program, 4096)}: ${why}` };
};

/** The command line that began this process, without its arguments, and without files of secrets that it has read. */
export const ourselves = (): readonly string[] => [
  process.execPath,
  ...process.execArgv.filter((one) => !one.startsWith('--env-file=')),
  process.argv[1]!,
];

/** Niceness adds up from process to process; what is configured is that of the run, whoever begins it. */
function priority({ nice, ioClass }: Limits): string[] {
  const nicer = nice === undefined ? 0 : nice - getPriority();
  const io = ioClass === undefined ? [] : ioClass === 'idle' ? ['-c', '3'] : ['-c', '2', '-n', '7'];
  return [
    ...(io.length === 0 ? [] : ['ionice', ...io]),
    ...(nicer <= 0 ? [] : ['nice', '-n', String(nicer)]),
  ];
}
