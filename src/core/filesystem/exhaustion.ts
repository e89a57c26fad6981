/**
 * Errors that say something of this machine or of a target and nothing of the file: they must never cost single files.
 */

import { HoldfastError } from '../errors.ts';
import { errno, errnoName } from './native.ts';

const exhausted: readonly number[] = [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS];

/** Of a file system that takes nothing more. */
const ofTarget: readonly number[] = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO];

/** `number`: an errno of either sign, of writing. */
export const isOfTarget = (number: number): boolean => ofTarget.includes(Math.abs(number));

/** Whether the message of an error ends in such an errno's name. */
export const endsOfTarget = (message: string): boolean =>
  ofTarget.some((number) => message.endsWith(errnoName(number)));

/** @param message ends in the name of the errno `number` */
export function targetRefuses(message: string, number: number, cause?: unknown): HoldfastError {
  const full = [errno.ENOSPC, errno.EDQUOT].includes(Math.abs(number));
  return new HoldfastError('TARGET_UNWRITABLE', message, {
    cause,
    hint: full
      ? 'Make room (or raise the quota) and go on with --resume.'
      : 'Check that the target file system is writable and supports this kind of entry.',
  });
}

/** Enough for a process that holds a lease and is told to give it up, as file servers do. */
const leaseWaitMs = 100;
const never = new Int32Array(new SharedArrayBuffer(4));

/**
 * Passes by unless `number`, an errno of either sign, says that descriptors or memory ran out.
 *
 * @throws RUN_FAILED no use going on: file after file would be left out
 */
export function stopWhereExhausted(number: number): void {
  if (!exhausted.includes(Math.abs(number))) return;
  const what = Math.abs(number) === errno.ENOMEM ? 'memory' : 'descriptors';
  throw new HoldfastError('RUN_FAILED', `this machine is out of ${what}: ${errnoName(number)}`, {
    hint: 'Raise the limit of open files (ulimit -n), or free memory, and run the backup of this account again.',
  });
}

/**
 * Runs an open of a file that others use, once more after a short wait where somebody has a lease on it.
 *
 * @returns a descriptor, or a negated errno
 * @throws RUN_FAILED as `stopWhereExhausted`
 */
export function openPatiently(open: () => number): number {
  let fd = open();
  if (fd === -errno.EAGAIN) {
    Atomics.wait(never, 0, 0, leaseWaitMs);
    fd = open();
  }
  if (fd < 0) stopWhereExhausted(fd);
  return fd;
}
