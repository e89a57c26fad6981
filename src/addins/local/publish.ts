/**
 * Gives a finished file its name: the commit point of a put.
 *
 * link() never overwrites, so it decides a race; rename() replaces in one step. Where a file system has
 * no hard links, a reservation file decides the race instead. It is held for one look and one rename.
 */

import { createHash } from 'node:crypto';
import { link, lstat, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError } from '../../core/index.ts';
import { temporaryName } from './layout.ts';
import { errnoOf } from './system-error.ts';

export interface Publication {
  readonly root: string;
  readonly key: string;
  readonly temporaryPath: string;
  readonly finalPath: string;
  readonly createOnly: boolean;
}

const noHardLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);
const reservationTries = 50;
const reservationPauseMs = 100;

/**
 * Afterwards the final name exists; the temporary one may still.
 *
 * @throws OBJECT_EXISTS `createOnly` and there is a file of that name
 */
export async function publish(publication: Publication, linkFile: typeof link = link): Promise<void> {
  const { temporaryPath, finalPath, createOnly } = publication;
  if (!createOnly) return rename(temporaryPath, finalPath);
  try {
    await linkFile(temporaryPath, finalPath);
  } catch (error) {
    const errno = errnoOf(error) ?? '';
    if (errno === 'EEXIST') throw exists(publication, error);
    if (!noHardLinks.has(errno)) throw error;
    await renameUnderReservation(publication);
  }
}

function exists({ key }: Publication, cause?: unknown): HoldfastError {
  return new HoldfastError('OBJECT_EXISTS', `object ${key} exists`, { cause });
}

async function renameUnderReservation(publication: Publication): Promise<void> {
  const reservation = await reserve(publication);
  try {
    if (await isThere(publication.finalPath)) throw exists(publication);
    await rename(publication.temporaryPath, publication.finalPath);
  } finally {
    await unlink(reservation);
  }
}

/** Makes the reservation file of this key, waiting for another process that has it. */
async function reserve({ root, key }: Publication): Promise<string> {
  const name = `reserved-${createHash('sha256').update(key).digest('hex')}`;
  const path = join(root, temporaryName, name);
  for (let turn = 0; turn < reservationTries; turn += 1) {
    try {
      await (await open(path, 'wx', 0o600)).close();
      return path;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      await delay(reservationPauseMs);
    }
  }
  throw new HoldfastError('STORE_UNAVAILABLE', `object ${key} is reserved by another process`, {
    hint: `Remove ${path} if no other Holdfast is running.`,
  });
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
