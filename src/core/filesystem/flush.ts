/**
 * Makes sure that what was written is on the disk. Many errors of a disk, and those of a quota on NFS, are told only
 * here: whoever does not ask takes lost content for written.
 */

import { HoldfastError } from '../errors.ts';
import { quoted } from '../printable.ts';
import { closeFd, errnoName, syncData, syncFileSystem } from './native.ts';

function unwritten(what: string, rc: number): HoldfastError {
  return new HoldfastError(
    'TARGET_UNWRITABLE',
    `what was written to ${what} is not on the disk: ${errnoName(rc)}`,
    {
      hint: 'See dmesg, mend the disk or make room, and restore again: into an empty directory, or in place with --checksum.',
    },
  );
}

/** @param fd opened before the first write: errors since then are told. @throws TARGET_UNWRITABLE */
export function flushFileSystem(fd: number, path: string): void {
  const rc = syncFileSystem(fd);
  if (rc < 0) throw unwritten(quoted(path), rc);
}

/** Of one file. @throws TARGET_UNWRITABLE */
export function flushData(fd: number): void {
  const rc = syncData(fd);
  if (rc < 0) throw unwritten('it', rc);
}

/** @throws TARGET_UNWRITABLE what was written was not taken */
export function closeWritten(fd: number): void {
  const rc = closeFd(fd);
  if (rc < 0) throw unwritten('it', rc);
}
