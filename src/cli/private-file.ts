/**
 * Files that hold secrets: 0600, complete or not there, and never in place of another.
 */

import { constants } from 'node:fs';
import { link, lstat, open, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HoldfastError, isHoldfastError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import { systemCode } from '../core/system-code.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/** @throws TARGET_NOT_EMPTY there is something of that name */
export async function refuseExisting(path: string): Promise<void> {
  if ((await lstat(path).catch(() => null)) !== null) throw exists(path);
}

/**
 * Writes what comes; the file appears under its name when the last byte is on disk, and not at all where
 * the bytes end in an error.
 *
 * @param id unique, for the temporary name
 * @returns bytes written
 * @throws TARGET_NOT_EMPTY there is something of that name, which is left as it is
 * @throws TARGET_UNWRITABLE
 */
export async function writePrivateFile(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  id: string,
): Promise<number> {
  await refuseExisting(path);
  const temporary = join(dirname(path), `.${basename(path)}.${id}.holdfast`);
  const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600).catch((cause) => {
    throw unwritable(path, cause);
  });
  try {
    let written = 0;
    for await (const piece of bytes) {
      await file.writeFile(piece);
      written += piece.length;
    }
    await file.sync();
    await link(temporary, path);
    return written;
  } catch (cause) {
    if (isHoldfastError(cause)) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw exists(path);
    throw unwritable(path, cause);
  } finally {
    await file.close();
    await unlink(temporary);
  }
}

const exists = (path: string): HoldfastError =>
  new HoldfastError('TARGET_NOT_EMPTY', `${quoted(path, 4096)} exists already`, {
    hint: 'Name a file that is not there yet.',
  });

function unwritable(path: string, cause: unknown): HoldfastError {
  const why = systemCode(cause) ?? String(cause);
  return new HoldfastError('TARGET_UNWRITABLE', `cannot write ${quoted(path, 4096)}: ${why}`, {
    cause,
    hint: 'Name a file in a directory that exists and can be written.',
  });
}
