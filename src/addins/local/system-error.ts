/** What an error of the file system means for a store. Says it once, at the boundary. */

import { type ErrorCode, HoldfastError, isHoldfastError, systemCode } from '../../core/index.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly hint: string;
}

const full = {
  code: 'STORE_FULL',
  hint: 'Free space on the file system of the store, or raise its quota.',
} as const;
const denied = {
  code: 'STORE_DENIED',
  hint: 'Check that the directory of the store belongs to the user who runs Holdfast and is mounted writable.',
} as const;

const meanings: Readonly<Record<string, Meaning>> = {
  ENOSPC: full,
  EDQUOT: full,
  EFBIG: full,
  EACCES: denied,
  EPERM: denied,
  EROFS: denied,
  EXDEV: { code: 'STORE_UNAVAILABLE', hint: 'Keep the whole store on one file system.' },
  ELOOP: {
    code: 'STORE_UNAVAILABLE',
    hint: 'Replace symbolic links inside the store by what they point to.',
  },
  ENOTDIR: { code: 'STORE_UNAVAILABLE', hint: 'Look for a file in the store where a directory belongs.' },
  ENAMETOOLONG: {
    code: 'STORE_UNAVAILABLE',
    hint: 'Move the store to a file system that takes longer names.',
  },
};

const otherwise: Meaning = { code: 'STORE_UNAVAILABLE', hint: 'Check the file system of the store.' };

export const errnoOf = systemCode;

/** Wraps what a system call threw; leaves errors that already have a code of ours alone. */
export function storeError(error: unknown, what: string): HoldfastError {
  if (isHoldfastError(error)) return error as HoldfastError;
  const errno = systemCode(error);
  const { code, hint } = meanings[errno ?? ''] ?? otherwise;
  return new HoldfastError(code, `${what}: ${errno ?? String(error)}`, { cause: error, hint });
}

/** Awaits a system call; `what` says what failed, e.g. `cannot write KEY`. */
export async function system<T>(what: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw storeError(error, what);
  }
}
