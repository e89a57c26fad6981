/** What to do about a directory that cannot be restored into, by why it cannot. */

import { lstatSync } from 'node:fs';
import { HoldfastError, isHoldfastError } from '../core/errors.ts';

const hints: Readonly<Record<string, string>> = {
  EROFS: 'Name a directory on a file system that can be written; this one is read-only.',
  ENOTDIR: 'Name a directory; the path, or something on the way to it, is a file or a link.',
  EACCES: 'Run Holdfast as root, or name a directory that it may write into.',
};

/** The error with a hint that fits, or as it is. */
export function withTargetHint(error: unknown, target: string): unknown {
  if (!isHoldfastError(error) || error.code !== 'TARGET_UNWRITABLE') return error;
  const hint = hints[(error.cause as NodeJS.ErrnoException | undefined)?.code ?? codeOf(target)];
  if (hint === undefined) return error;
  return new HoldfastError(error.code, error.message, { cause: error.cause, hint });
}

function codeOf(target: string): string {
  try {
    return lstatSync(target).isDirectory() ? '' : 'ENOTDIR';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  }
}
