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
  let fd: number;
  try {
    fd = openSync('/dev/tty', 'r+');
  } catch (cause) {
    const why = 'a secret is needed, and there is no terminal to ask on';
    throw new HoldfastError('SECRET_UNUSABLE', why, { cause, hint });
  }
  const [input, output] = [new ReadStream(fd), new WriteStream(openSync('/dev/tty', 'w'))];
  const { default: password } = await import('@inquirer/password');
  try {
    return await password({ message }, { input, output, clearPromptOnDone: true });
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name !== 'ExitPromptError') throw cause;
    throw new HoldfastError('INTERRUPTED', 'interrupted', { cause });
  } finally {
    output.destroy();
    input.destroy();
    closeQuietly(fd);
  }
}

function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // The stream has closed it.
  }
}
