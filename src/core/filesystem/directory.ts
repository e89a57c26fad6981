/**
 * Lists a directory through its descriptor, sorted by bytes, in little memory.
 *
 * Names are held as latin1 strings: one character is one byte, a million of them cost a quarter of a
 * million Buffers, and plain string order is byte order. Each is `name NUL type`, so that copying it
 * into a buffer gives a C string; NUL sorts before every byte a name can hold.
 */

import { HoldfastError } from '../errors.ts';
import { stopWhereExhausted } from './exhaustion.ts';
import { errnoName, readDirectory } from './native.ts';

const buffer = Buffer.allocUnsafeSlow(256 * 1024);
const dot = 0x2e;

export const directoryType = '4';

/** @throws TREE_UNREADABLE the kernel refuses to list it; RUN_FAILED memory ran out */
export function listDirectory(fd: number): string[] {
  const names: string[] = [];
  for (;;) {
    const filled = readDirectory(fd, buffer);
    if (filled < 0) {
      stopWhereExhausted(filled);
      throw new HoldfastError('TREE_UNREADABLE', `cannot list a directory: ${errnoName(filled)}`, {
        hint: 'Check the file system (dmesg, fsck) and run the backup again.',
      });
    }
    if (filled === 0) break;
    for (let at = 0; at < filled; ) {
      const length = buffer.readUInt16LE(at + 16);
      const start = at + 19;
      const end = buffer.indexOf(0, start);
      const first = buffer[start];
      const special =
        first === dot && (end === start + 1 || (end === start + 2 && buffer[start + 1] === dot));
      if (!special) names.push(`${buffer.toString('latin1', start, end)}\0${buffer[at + 18]}`);
      at += length;
    }
  }
  return names.sort();
}

export const plainName = (listed: string): string => listed.slice(0, listed.indexOf('\0'));
export const listedType = (listed: string): string => listed.slice(listed.indexOf('\0') + 1);
