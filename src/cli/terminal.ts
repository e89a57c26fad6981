/**
 * Asks people for secrets: on the terminal itself, whatever the standard streams are, and without an echo.
 */

import { closeSync, openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { HoldfastError } from '../core/errors.ts';

/**
 * @param hint what to do where there is no terminal
 * @throws SECRET_UNUSABLE there is no terminal
 * @throws INTERRUPTED Ctrl-C
 */
export async function askSecret(message: string, hint: string): Promise<string> {
  const { default: password } = await import('@inquirer/password');
  const { input, output, close } = openTerminal(hint);
  try {
    return await password({ message }, { input, output, clearPromptOnDone: true });
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name !== 'ExitPromptError') throw cause;
    throw new HoldfastError('INTERRUPTED', 'interrupted', { cause });
  } finally {
    output.destroy();
    input.destroy();
    close();
  }
}

interface Terminal {
  readonly input: ReadStream;
  readonly output: WriteStream;
  /** Of what the streams were given: they open the terminal once more. */
  readonly close: () => void;
}

/** Nothing stays open where one of the two cannot be had. @throws SECRET_UNUSABLE */
function openTerminal(hint: string): Terminal {
  const opened: number[] = [];
  const close = (): void => opened.forEach(closeQuietly);
  const open = (flags: string): number => {
    const fd = openSync('/dev/tty', flags);
    opened.push(fd);
    return fd;
  };
  try {
    return { input: new ReadStream(open('r+')), output: new WriteStream(open('w')), close };
  } catch (cause) {
    close();
    const why = 'a secret is needed, and there is no terminal to ask on';
    throw new HoldfastError('SECRET_UNUSABLE', why, { cause, hint });
  }
}

function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // The stream has closed it.
  }
}
