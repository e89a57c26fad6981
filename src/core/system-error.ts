/** What an error of the system means where no code of ours foresaw it: a full disk is no defect, nor is another user's file. */

import { type ErrorCode, HoldfastError, isHoldfastError } from './errors.ts';
import { printable } from './printable.ts';
import { systemCode } from './system-code.ts';

interface Meaning {
  readonly codes: readonly string[];
  readonly means: ErrorCode;
  readonly says: string;
  readonly hint: string;
}

const meanings: readonly Meaning[] = [
  {
    codes: ['ENOSPC', 'EDQUOT', 'EROFS'],
    means: 'STATE_UNWRITABLE',
    says: "a file of Holdfast's own cannot be written",
    hint: 'Make room where the state directory lies, or set "stateDir" in config.json to a directory with room.',
  },
  {
    codes: ['EIO', 'ESTALE'],
    means: 'STATE_UNWRITABLE',
    says: 'the disk, or the server that has it, does not do what it is asked',
    hint: 'Look at the log of the kernel for the disk or the mount that the message names, and mend it.',
  },
  {
    codes: ['EACCES', 'EPERM'],
    means: 'PREREQUISITE_MISSING',
    says: 'a file may not be read or written',
    hint: 'Run Holdfast as root, or as the user to whom the file belongs.',
  },
  {
    codes: ['ENOTDIR', 'EEXIST', 'EISDIR', 'ELOOP', 'ENAMETOOLONG'],
    means: 'PREREQUISITE_MISSING',
    says: 'something else is where a file or a directory is to be',
    hint: 'Look at the path that the message names, and at the directories above it.',
  },
];

/** The error itself where it is one of ours, one that says what to do where the system refuses a file or has no room, else null. */
export function knownError(error: unknown): HoldfastError | null {
  if (isHoldfastError(error)) return error;
  const name = systemCode(error);
  const meaning = meanings.find(({ codes }) => name !== undefined && codes.includes(name));
  if (name === undefined || meaning === undefined) return null;
  const { code, message } = error as NodeJS.ErrnoException;
  const { means, says, hint } = meaning;
  return new HoldfastError(
    means,
    `${says}: ${printable(String(message).replaceAll(code ?? name, name), 500)}`,
    { cause: error, hint },
  );
}
