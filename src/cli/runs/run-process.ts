/**
 * A scheduled run as a process of its own, so that whatever becomes of it the daemon goes on.
 *
 * It gets niceness and I/O class from the first instruction on, and hears SIGTERM when the daemon stops.
 */

import { spawn } from 'node:child_process';
import type { Limits } from '../../core/config/operations-schema.ts';
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
  // In a group of its own: an interrupt typed at the daemon reaches it once, through the daemon.
  // It writes where the daemon does, not into a pipe of it that would break with the daemon.
  const child = spawn(program!, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  const stop = (): void => {
    child.kill('SIGTERM');
  };
  signal.addEventListener('abort', stop, { once: true });
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve({ status: null, signal: null, failure: error.code ?? 'unknown' }),
    );
    child.once('close', (status, ended) => {
      signal.removeEventListener('abort', stop);
      resolve({ status, signal: ended, failure: null });
    });
    if (signal.aborted) stop();
  });
}

/** The command line that began this process, without its arguments. */
export const ourselves = (): readonly string[] => [process.execPath, ...process.execArgv, process.argv[1]!];

function priority({ nice, ioClass }: Limits): string[] {
  const io = ioClass === undefined ? [] : ioClass === 'idle' ? ['-c', '3'] : ['-c', '2', '-n', '7'];
  return [
    ...(io.length === 0 ? [] : ['ionice', ...io]),
    ...(nice === undefined ? [] : ['nice', '-n', String(nice)]),
  ];
}
