/**
 * Where the data of a sparse file lies.
 */

import type { DataRange } from '../archive/tar.ts';
import { errno, SEEK_DATA, SEEK_HOLE, seek } from './native.ts';

/** Data ranges of a file with holes; null where there are none (or the file system cannot tell). */
export function dataRanges(fd: number, size: number): readonly DataRange[] | null {
  const ranges: DataRange[] = [];
  for (let at = 0; at < size; ) {
    const data = seek(fd, at, SEEK_DATA);
    if (data === -errno.ENXIO || data >= size) break; // only a hole follows
    if (data < 0) return null; // what cannot be told apart is read
    const hole = seek(fd, data, SEEK_HOLE);
    const end = hole < 0 ? size : Math.min(hole, size);
    const last = ranges.at(-1);
    // A hole that was filled between the two calls.
    if (last !== undefined && last.offset + last.length === data) {
      ranges[ranges.length - 1] = { offset: last.offset, length: end - last.offset };
    } else ranges.push({ offset: data, length: end - data });
    at = end;
  }
  const only = ranges[0];
  if (ranges.length === 1 && only !== undefined && only.length === size) return null;
  // The map's ranges must fill whole blocks but for the last, or other tars lose their place.
  if (ranges.some((range, i) => i < ranges.length - 1 && range.length % 512 !== 0)) return null;
  return ranges;
}
