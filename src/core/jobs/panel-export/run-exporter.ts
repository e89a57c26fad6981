/**
 * Runs the panel's own exporter once for a whole run: without a shell, given up only when it falls silent,
 * together with all it has started.
 */

import { spawn } from 'node:child_process';
import { HoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';

export interface ExporterCommand {
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly stallMs: number;
}

const keptBytes = 2000;

/** Resolves once it has ended with status 0. @throws EXPORT_FAILED with the end of what it printed */
export async function runExporter({ command, stallMs }: ExporterCommand, signal: AbortSignal): Promise<void> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, cwd: '/' });
  let said = '';
  let why: string | null = null;
  const kill = (reason: string): void => {
    why ??= reason;
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  const silent = (): void => kill(`it was silent for ${Math.round(stallMs / 1000)} s`);
  let timer = setTimeout(silent, stallMs);
  const hear = (bytes: Buffer): void => {
    said = (said + bytes.toString('utf8')).slice(-keptBytes);
    clearTimeout(timer);
    timer = setTimeout(silent, stallMs);
  };
  const onAbort = (): void => kill('it was interrupted');
  signal.addEventListener('abort', onAbort, { once: true });
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  try {
    const status = await new Promise<number | string>((resolve) => {
      child.once('error', (error) => resolve(printable(error.message)));
      child.once('close', (code, killedBy) => resolve(code ?? `killed by ${killedBy}`));
    });
    if (signal.aborted) throw new HoldfastError('INTERRUPTED', 'the exporter of the panel was interrupted');
    if (status === 0) return;
    const how = why ?? (typeof status === 'number' ? `it ended with status ${status}` : status);
    const tail = printable(said.trim().split('\n').slice(-3).join(' | '), 500);
    throw new HoldfastError(
      'EXPORT_FAILED',
      `the exporter of the panel failed: ${how}${tail === '' ? '' : `: ${tail}`}`,
      { hint: 'Run the command of "panelExport" by hand, or set "export" to "direct".' },
    );
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
