/**
 * Index objects as they were before encryption, in a directory of the state: what a later backup of the same
 * account compares with, without asking the store and without a key.
 *
 * A cache: a file that is lost, cut short or altered counts as not there. It holds names of files, so it is as
 * private as the accounts' files are: mode 0600 below 0700.
 */

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseObjectKey } from '../../archive/keys.ts';
import type { ByteRange } from '../../encryption/age-chunks.ts';

const hashBytes = 32;
/** For what is read only to be checked, which is done in one go. */
const scan = Buffer.allocUnsafeSlow(256 * 1024);
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
  readonly #hash = createHash('sha256');
  #fd: number;

  /** @param directory null: nothing is written */
  constructor(directory: string | null, key: string) {
    this.#path = join(directory ?? '', nameOf(key) ?? 'none');
    this.#fd = directory === null ? -1 : (attempt(() => openSync(`${this.#path}.tmp`, 'w', 0o600)) ?? -1);
  }

  write(payload: Buffer): void {
    if (this.#fd < 0) return;
    this.#hash.update(payload);
    if (attempt(() => writeAll(this.#fd, payload)) === null) this.abandon();
  }

  /** Call it when the object is durable in the store. */
  finish(): void {
    if (this.#fd < 0) return;
    const digest = this.#hash.digest();
    const whole = attempt(() => {
      writeAll(this.#fd, digest);
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

  #close(): void {
    closeSync(this.#fd);
    this.#fd = -1;
  }
}

/** Gives ranges of cached index objects. Each file is checked once, against the hash at its end. */
export class IndexFiles {
  readonly #directory: string;
  readonly #open = new Map<string, { readonly fd: number; readonly size: number } | null>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Null where it is not here, or not whole. */
  read(key: string, { offset, length }: ByteRange): Buffer | null {
    const name = nameOf(key);
    if (name === null) return null;
    let file = this.#open.get(name);
    if (file === undefined) {
      file = openChecked(join(this.#directory, name));
      this.#open.set(name, file);
    }
    if (file === null || offset + length > file.size) return null;
    const bytes = Buffer.allocUnsafeSlow(length);
    return attempt(() => readAll(file.fd, bytes, offset)) === true ? bytes : null;
  }

  close(): void {
    for (const file of this.#open.values()) if (file !== null) closeSync(file.fd);
    this.#open.clear();
  }
}

function openChecked(path: string): { readonly fd: number; readonly size: number } | null {
  const fd = attempt(() => openSync(path, 'r'));
  if (fd === null) return null;
  const size = fstatSync(fd).size - hashBytes;
  if (size >= 0 && attempt(() => isWhole(fd, size)) === true) return { fd, size };
  closeSync(fd);
  return null;
}

function isWhole(fd: number, size: number): boolean {
  const digest = createHash('sha256');
  for (let at = 0; at < size; ) {
    const part = scan.subarray(0, Math.min(scan.length, size - at));
    if (!readAll(fd, part, at)) return false;
    digest.update(part);
    at += part.length;
  }
  const expected = Buffer.alloc(hashBytes);
  return readAll(fd, expected, size) && digest.digest().equals(expected);
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
