/**
 * Index objects as they were before encryption, in a directory of the state: what a later backup of the same
 * account compares with, without asking the store and without a key.
 *
 * A cache: what is lost, cut short or altered counts as not there. Behind the bytes stand the hashes of their pieces, and
 * a hash of those, so that of an old object, of which a few pages are still referred to, no more is read than these. It
 * holds names of files, so it is as private as the accounts' files are: mode 0600 below 0700.
 */

import { createHash, hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { ByteRange } from '../../age/chunks.ts';
import { parseObjectKey } from '../../archive/keys.ts';

const hashBytes = 32;
/** Bytes that are checked together. */
const pieceBytes = 64 * 1024;
const extension = '.idx';

/** Null where the key is no index object's. */
const nameOf = (key: string): string | null => {
  const name = parseObjectKey(key);
  return name?.class === 'index' ? `${name.objectId}${extension}` : null;
};

/** Names of the files that hold these objects. */
export const filesOf = (keys: readonly string[]): Set<string> =>
  new Set(keys.flatMap((key) => nameOf(key) ?? []));

/** Writes one index while it goes to the store. A full disk costs the cache, never the backup. */
export class IndexFileWriter {
  readonly #path: string;
  readonly #hashes: Buffer[] = [];
  #piece = createHash('sha256');
  #inPiece = 0;
  #fd: number;

  /** @param directory null: nothing is written */
  constructor(directory: string | null, key: string) {
    this.#path = join(directory ?? '', nameOf(key) ?? 'none');
    this.#fd = directory === null ? -1 : (attempt(() => openSync(`${this.#path}.tmp`, 'w', 0o600)) ?? -1);
  }

  write(payload: Buffer): void {
    if (this.#fd < 0) return;
    for (let at = 0; at < payload.length; ) {
      const part = payload.subarray(at, at + pieceBytes - this.#inPiece);
      this.#piece.update(part);
      this.#inPiece += part.length;
      at += part.length;
      if (this.#inPiece === pieceBytes) this.#endPiece();
    }
    if (attempt(() => writeAll(this.#fd, payload)) === null) this.abandon();
  }

  /** Call it when the object is durable in the store. */
  finish(): void {
    if (this.#fd < 0) return;
    if (this.#inPiece > 0) this.#endPiece();
    const hashes = Buffer.concat(this.#hashes);
    const whole = attempt(() => {
      writeAll(this.#fd, Buffer.concat([hashes, hash('sha256', hashes, 'buffer')]));
      renameSync(`${this.#path}.tmp`, this.#path);
      return true;
    });
    if (whole === null) this.abandon();
    else this.#close();
  }

  /** Harmless after `finish`. */
  abandon(): void {
    if (this.#fd < 0) return;
    this.#close();
    rmSync(`${this.#path}.tmp`, { force: true });
  }

  #endPiece(): void {
    this.#hashes.push(this.#piece.digest());
    this.#piece = createHash('sha256');
    this.#inPiece = 0;
  }

  #close(): void {
    closeSync(this.#fd);
    this.#fd = -1;
  }
}

interface OpenFile {
  readonly path: string;
  readonly fd: number;
  /** Without the hashes. */
  readonly size: number;
  readonly hashes: Buffer;
  /** By piece: 1 where it was found as it was written. */
  readonly checked: Uint8Array;
}

/** Gives ranges of cached index objects. Each piece of a file is checked once. */
export class IndexFiles {
  readonly #directory: string;
  readonly #open = new Map<string, OpenFile | null>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Null where it is not here, or not whole. */
  read(key: string, range: ByteRange): Buffer | null {
    const file = this.#file(key, range);
    return file === null ? null : attempt(() => readChecked(file, range));
  }

  /** Path of the file in which the range lies, at the same place, for who reads it there; null as for `read`. */
  place(key: string, range: ByteRange): string | null {
    const file = this.#file(key, range);
    return file === null ? null : attempt(() => (isWhole(file, range) ? file.path : null));
  }

  close(): void {
    for (const file of this.#open.values()) if (file !== null) closeSync(file.fd);
    this.#open.clear();
  }

  #file(key: string, { offset, length }: ByteRange): OpenFile | null {
    const name = nameOf(key);
    if (name === null) return null;
    let file = this.#open.get(name);
    if (file === undefined) {
      file = openFile(join(this.#directory, name));
      this.#open.set(name, file);
    }
    return file === null || offset + length > file.size ? null : file;
  }
}

/** Null where it is not here, or its end is not what was written there. */
function openFile(path: string): OpenFile | null {
  const fd = attempt(() => openSync(path, 'r'));
  if (fd === null) return null;
  const file = attempt(() => {
    const all = fstatSync(fd).size - hashBytes;
    const pieces = Math.max(0, Math.ceil(all / (pieceBytes + hashBytes)));
    const end = Buffer.alloc((pieces + 1) * hashBytes);
    const size = all - pieces * hashBytes;
    if (size < 0 || !readAll(fd, end, size)) return null;
    const hashes = end.subarray(0, -hashBytes);
    if (!hash('sha256', hashes, 'buffer').equals(end.subarray(-hashBytes))) return null;
    return { path, fd, size, hashes, checked: new Uint8Array(pieces) };
  });
  if (file === null) closeSync(fd);
  return file;
}

/** Null where one of the pieces in which the range lies was altered. */
function readChecked(file: OpenFile, range: ByteRange): Buffer | null {
  if (!isWhole(file, range)) return null;
  const bytes = Buffer.allocUnsafeSlow(range.length);
  return readAll(file.fd, bytes, range.offset) ? bytes : null;
}

const piece = Buffer.allocUnsafeSlow(pieceBytes);

/** False where one of the pieces in which the range lies was altered. */
function isWhole({ fd, size, hashes, checked }: OpenFile, { offset, length }: ByteRange): boolean {
  const to = Math.ceil((offset + length) / pieceBytes);
  for (let number = Math.floor(offset / pieceBytes); number < to; number++) {
    if (checked[number] === 1) continue;
    const start = number * pieceBytes;
    const bytes = piece.subarray(0, Math.min(pieceBytes, size - start));
    if (!readAll(fd, bytes, start)) return false;
    const expected = hashes.subarray(number * hashBytes, (number + 1) * hashBytes);
    if (!hash('sha256', bytes, 'buffer').equals(expected)) return false;
    checked[number] = 1;
  }
  return true;
}

function readAll(fd: number, into: Buffer, offset: number): boolean {
  for (let done = 0; done < into.length; ) {
    const count = readSync(fd, into, done, into.length - done, offset + done);
    if (count === 0) return false;
    done += count;
  }
  return true;
}

function writeAll(fd: number, bytes: Buffer): true {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
  return true;
}

/** Null instead of a system error. */
function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return null;
  }
}
