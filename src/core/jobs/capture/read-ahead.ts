/**
 * Has the kernel fetch files before the walk gets to them, as long as the disk lets it wait.
 *
 * A thread has one read under way at a time, while a disk answers many in hardly more time than one: with a cold cache
 * a tree of small files is read three times as fast by eight readers as by one. Where everything is in memory asking
 * would cost and bring nothing, so files are asked for only for a while after reads that had to wait.
 */

import { readSync } from 'node:fs';
import { regularType } from '../../filesystem/directory.ts';
import { fetchAhead } from '../../filesystem/fetch-ahead.ts';
import type { PathFilter } from '../../filesystem/patterns.ts';
import type { TreeContext } from './entry-log.ts';
import { cName, depthOf, type Level } from './levels.ts';
import { pathSum } from './reread.ts';

/** Asked for at once; the next as many when half of them have been passed. */
const batch = 32;
/** So many are asked for after a read that had to wait, and was not the only one of so many reads. */
const patience = 256;
const lately = 32;
/** From memory a read takes less, also into memory that is new: so long for the call, and so many bytes a millisecond. */
const callMs = 0.1;
const bytesPerMs = 200_000;

/** Files that are still to be asked for. Of this thread: all of its reads wait for the same disks. */
let left = 0;
let readsSinceSlow = lately;

/** Reads from one position, and notes whether that had to wait. Fewer bytes than asked for: the file ends there. */
export function readFully(fd: number, buffer: Buffer, at: number, length: number, position: number): number {
  const begun = performance.now();
  let done = 0;
  while (done < length) {
    const read = readSync(fd, buffer, at + done, length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  readsSinceSlow++;
  if (performance.now() - begun > callMs + length / bytesPerMs) {
    if (readsSinceSlow <= lately) left = patience;
    readsSinceSlow = 0;
  }
  return done;
}

/** As far as a name tells: of what the parent has nobody knows which files have changed. */
export function isToBeRead(
  { isNew, sum, prefix }: Level,
  name: string,
  filter: PathFilter,
  { isSumDue }: Pick<TreeContext, 'isSumDue'>,
): boolean {
  if (!isNew && !isSumDue(pathSum(name, sum))) return false;
  const path = prefix + name;
  return filter.judge(path, depthOf(path)) === 'take';
}

/** @param wants whether a file will be read; asked only where the disk is slow */
export function askAhead(level: Level, wants: (name: string) => boolean): void {
  if (left <= 0 || level.next < level.askAgain) return;
  let asked = 0;
  let at = Math.max(level.asked, level.next);
  level.askAgain = level.names.length;
  for (; at < level.names.length && asked < batch; at++) {
    const name = level.names[at]!;
    if (!name.endsWith(regularType) || !wants(name)) continue;
    fetchAhead(level.fd, cName(name));
    if (++asked === batch / 2) level.askAgain = at;
  }
  level.asked = at;
  left -= asked;
}
