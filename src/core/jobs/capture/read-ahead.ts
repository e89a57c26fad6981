/**
 * Has the kernel fetch files before the walk gets to them, as long as the disk lets it wait.
 *
 * A thread has one read under way at a time, while a disk answers many in hardly more time than one: with a cold cache
 * a tree of small files is read three times as fast by eight readers as by one. Where everything is in memory asking
 * would cost and bring nothing, so files are asked for only for a while after reads that had to wait.
 */

import { readSync } from 'node:fs';
import { plainName, regularType } from '../../filesystem/directory.ts';
import { fetchAhead } from '../../filesystem/fetch-ahead.ts';
import { cName, type ListedLevel } from './levels.ts';

/** Asked for at once; the next as many when half of them have been passed. */
const batch = 32;
/** So many are asked for after reads most of which had to wait. */
const patience = 256;
/**
 * A read that had to wait counts so many times as one that need not, and so much more of them makes a slow disk: from
 * memory too one read in thirty waits, for the processor.
 */
const weight = 4;
const slowEnough = 16;
/** From memory a read takes less, also into memory that is new: so long for the call, and so many bytes a millisecond. */
const callMs = 0.1;
const bytesPerMs = 200_000;

/** Files that are still to be asked for. Of this thread: all of its reads wait for the same disks. */
let left = 0;
let slowness = 0;

/** Reads from one position, and notes whether that had to wait. Fewer bytes than asked for: the file ends there. */
export function readFully(fd: number, buffer: Buffer, at: number, length: number, position: number): number {
  const begun = performance.now();
  let done = 0;
  while (done < length) {
    const read = readSync(fd, buffer, at + done, length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  const hadToWait = performance.now() - begun > callMs + length / bytesPerMs;
  slowness = Math.max(0, Math.min(slowEnough, slowness + (hadToWait ? weight : -1)));
  if (hadToWait && slowness === slowEnough) left = patience;
  return done;
}

/** Reads had to wait lately. */
export const isDiskSlow = (): boolean => left > 0;

/** Files that are due have been asked for: after so many it is tried whether reads still have to wait. */
export function askedFor(files: number): void {
  left -= files / 8;
}

/**
 * Asks for the next files of a directory of which the parent has nothing. Of what it has nobody knows which have
 * changed, and those that are due are asked for by page: see `due-files.ts`.
 *
 * @param wants whether the file of this path will be read; asked only where the disk is slow
 */
export function askAhead(level: ListedLevel, wants: (path: string) => boolean): void {
  if (!level.isNew || left <= 0 || level.next < level.askAgain) return;
  let asked = 0;
  let at = Math.max(level.asked, level.next);
  level.askAgain = level.names.length;
  for (; at < level.names.length && asked < batch; at++) {
    const name = level.names[at]!;
    if (!name.endsWith(regularType) || !wants(level.prefix + plainName(name))) continue;
    fetchAhead(level.fd, cName(name));
    if (++asked === batch / 2) level.askAgain = at;
  }
  level.asked = at;
  left -= asked;
}
