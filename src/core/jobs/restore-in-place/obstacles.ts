/**
 * What keeps one path from being restored, in words. Each costs its entry, with what is below it.
 */

import { HoldfastError } from '../../errors.ts';

export function mountInTheWay(): HoldfastError {
  return unwritable('it, or one above it, is a mount or a subvolume, and what that holds is not touched');
}

export function unwritable(message: string): HoldfastError {
  return new HoldfastError('TARGET_UNWRITABLE', message, {
    hint: 'Remove what is in the way and restore again: only what is left is done.',
  });
}

export function directoryInTheWay(): HoldfastError {
  return unwritable('a directory that is not empty is in its place; add --delete to replace it');
}

export function immutable(what: string): HoldfastError {
  return unwritable(`${what} is immutable or append-only (see lsattr); take that away with chattr -i -a`);
}
