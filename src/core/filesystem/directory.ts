/**
 * Lists a directory through its descriptor, sorted by bytes, in little memory.
 *
 * Names are held as latin1 strings: one character is one byte, a million of them cost a quarter of a
 * million Buffers, and plain string order is byte order. Each is `name NUL type`, so that copying it
 * into a buffer gives a C string; NUL sorts before every byte a name can hold.
 */

import { HoldfastError } from '../errors.ts';
import { stopWhereExhausted } from './exhaustion.ts';
import { closeFd, errnoName, O, openAt, readDirectory, zName } from './native.ts';

const bufferBytes = 256 * 1024;
/** With room behind the last record for the type of its name. */
const buffer = Buffer.allocUnsafeSlow(bufferBytes + 8);
const kernelPart = buffer.subarray(0, bufferBytes);
const dot = 0x2e;

/** Types are `d_type` as one character, from `0` on, which says that the file system does not tell. */
const firstType = 0x30;
export const directoryType = '4';
export const regularType = '8';

/** @throws TREE_UNREADABLE the kernel refuses to list it; RUN_FAILED memory ran out */
export function listDirectory(fd: number): string[] {
  const names: string[] = [];
  for (;;) {
    const filled = readDirectory(fd, kernelPart);
    if (filled < 0) throw unlisted(filled);
    if (filled === 0) break;
    for (let at = 0; at < filled; ) {
      const length = buffer[at + 16]! | (buffer[at + 17]! << 8);
      const start = at + 19;
      let end = start;
      while (buffer[end] !== 0) end++;
      const type = buffer[at + 18]!;
      at += length;
      if (buffer[start] === dot && (end === start + 1 || (end === start + 2 && buffer[start + 1] === dot)))
        continue;
      // Behind the NUL lies nothing, or the next record's inode, which nobody asks for.
      buffer[end + 1] = firstType + type;
      names.push(buffer.toString('latin1', start, end + 2));
    }
  }
  return withoutRepeated(names.sort());
}

const itself = zName('.');

/** As `listDirectory`, from the beginning, and also of one that was opened to read nothing (`O_PATH`). */
export function listAnew(fd: number): string[] {
  const reading = openAt(fd, itself, O.DIRECTORY | O.NOFOLLOW);
  if (reading < 0) throw unlisted(reading);
  try {
    return listDirectory(reading);
  } finally {
    closeFd(reading);
  }
}

/** @throws RUN_FAILED descriptors or memory ran out */
function unlisted(number: number): HoldfastError {
  stopWhereExhausted(number);
  return new HoldfastError('TREE_UNREADABLE', `cannot list a directory: ${errnoName(number)}`, {
    hint: 'Check the file system (dmesg, fsck) and run the backup again.',
  });
}

/**
 * XFS lists a name twice that was removed and made again meanwhile.
 *
 * @param names sorted; is what is returned where none is there twice
 */
export function withoutRepeated(names: string[]): string[] {
  for (let i = 1; i < names.length; i++) {
    if (isSameName(names[i - 1]!, names[i]!)) {
      return names.filter((name, at) => at === 0 || !isSameName(names[at - 1]!, name));
    }
  }
  return names;
}

/** Of two that stand beside each other: only their types can differ then. */
function isSameName(a: string, b: string): boolean {
  if (a === b) return true;
  const last = a.length - 1;
  return last === b.length - 1 && a.charCodeAt(last) !== b.charCodeAt(last) && a.startsWith(b.slice(0, last));
}

export const plainName = (listed: string): string => listed.slice(0, listed.indexOf('\0'));
export const listedType = (listed: string): string => listed.slice(listed.indexOf('\0') + 1);
