/**
 * Standard streams that cannot be written: a full disk below a log, a reader that has gone.
 *
 * A backup, a restore or the daemon goes on unheard and says at its end that it was; a stream is tried again with each
 * line, since a full disk may get room. Only a command that merely shows something is ended, where its reader has gone.
 */

import { errorCodes, HoldfastError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { systemCode } from '../core/system-code.ts';
import type { World } from './world.ts';

type Streams = Pick<World, 'stdout' | 'stderr' | 'leave'>;

export class LostOutput {
  /** Whether the process may end where nobody reads its standard output any more. */
  mayLeave = true;
  readonly #streams: Streams;
  #error: Error | null = null;

  constructor(streams: Streams) {
    this.#streams = streams;
    streams.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (this.mayLeave && error.code === 'EPIPE') streams.leave();
      this.#error ??= error;
    });
    streams.stderr.on('error', (error: Error) => {
      this.#error ??= error;
    });
  }

  /** What was lost of all that was printed until now, or null; resolves when it has left us, or never will. */
  async error(): Promise<HoldfastError | null> {
    // A pipe takes 64 KiB at once; what its reader has not taken yet would be lost.
    await Promise.all([this.#streams.stdout, this.#streams.stderr].map(written));
    return this.#error === null ? null : outputLost(this.#error);
  }
}

export function outputLost(cause: Error): HoldfastError {
  const why = printable(systemCode(cause) ?? cause.message, 100);
  return new HoldfastError('OUTPUT_UNWRITABLE', `what was to be said could not be written: ${why}`, {
    cause,
    hint:
      systemCode(cause) === 'EPIPE'
        ? 'Its reader left before the end; holdfast status shows what was done.'
        : 'Make room where the output goes; holdfast status shows what was done.',
  });
}

/** An error keeps its status; success and warnings that nobody heard of are not one. */
export const unheardStatus = (status: number): number =>
  status === 0 || (status >= errorCodes.FINISHED_WITH_WARNINGS.exit && status < 128)
    ? errorCodes.OUTPUT_UNWRITABLE.exit
    : status;

const written = (stream: World['stderr']): Promise<void> =>
  new Promise((resolve) => {
    stream.write('', () => resolve());
  });
