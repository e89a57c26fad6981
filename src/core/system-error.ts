/** What an error of the system means where no code of ours foresaw it: a full disk is no defect. */

import { HoldfastError, isHoldfastError } from './errors.ts';
import { printable } from './printable.ts';

const noWriting = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

/** The error itself where it is one of ours, one that says what to do where a file of ours cannot be written, else null. */
export function knownError(error: unknown): HoldfastError | null {
  if (isHoldfastError(error)) return error;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code !== 'string' || !noWriting.has(code)) return null;
  const text = printable(String(message), 500);
  return new HoldfastError('STATE_UNWRITABLE', `a file of Holdfast's own cannot be written: ${text}`, {
    cause: error,
    hint: 'Make room where the state directory lies, or set "stateDir" in config.json to a directory with room.',
  });
}
