/** What an error of the system means where no code of ours foresaw it: a full disk is no defect, nor is another user's file. */

import { HoldfastError, isHoldfastError } from './errors.ts';
import { printable } from './printable.ts';

const noWriting = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);
const noRight = new Set(['EACCES', 'EPERM']);

/** The error itself where it is one of ours, one that says what to do where there is no room or no right to a file, else null. */
export function knownError(error: unknown): HoldfastError | null {
  if (isHoldfastError(error)) return error;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code !== 'string') return null;
  const text = printable(String(message), 500);
  if (noRight.has(code)) {
    return new HoldfastError('PREREQUISITE_MISSING', `a file may not be read or written: ${text}`, {
      cause: error,
      hint: 'Run Holdfast as root, or as the user to whom the file belongs.',
    });
  }
  if (!noWriting.has(code)) return null;
  return new HoldfastError('STATE_UNWRITABLE', `a file of Holdfast's own cannot be written: ${text}`, {
    cause: error,
    hint: 'Make room where the state directory lies, or set "stateDir" in config.json to a directory with room.',
  });
}
