/**
 * What is wrong with the index of a snapshot, and what can be had all the same.
 */

import { HoldfastError, isHoldfastError } from '../errors.ts';

/** Without it no path of the snapshot can be told. @throws the error, with what to do where the object is gone */
export function lostIndex(error: unknown): never {
  if (!isHoldfastError(error) || error.code !== 'OBJECT_MISSING') throw error;
  throw new HoldfastError(error.code, error.message, {
    cause: error,
    hint: 'Restore files from another snapshot, and databases of this one with `--database`: its index is lost.',
  });
}

export function damagedObject(what: string): HoldfastError {
  return new HoldfastError('OBJECT_DAMAGED', `${what} is damaged`, {
    hint: 'Run `holdfast verify` to see which snapshots are affected, and restore from another one.',
  });
}
