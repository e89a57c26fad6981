/**
 * Reads small things below a directory that strangers may have arranged: never through a link,
 * never blocking, never more than a bounded number of bytes.
 *
 * Goes one component at a time through open descriptors (`/proc/self/fd`), so that nothing can be
 * exchanged underway. Synchronous on purpose: a server has thousands of these files, each a few
 * hundred bytes, and a trip through the thread pool costs many times the read.
 */

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readSync,
  type Stats,
} from 'node:fs';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** Something is there, but not what belongs there. The message names it and is safe to show. */
export class UnexpectedEntry extends Error {}

export class Directory implements Disposable {
  readonly #fd: number;
  /** For messages: the path below the account, e.g. `info/current`. */
  readonly #label: string;

  private constructor(fd: number, label: string) {
    this.#fd = fd;
    this.#label = label;
  }

  /** Null where there is none. @throws UnexpectedEntry it is a link or no directory */
  static at(path: string, label: string): Directory | null {
    const fd = open(path, O_DIRECTORY, label);
    return fd === null ? null : new Directory(fd, label);
  }

  /** As `at`, below this one. */
  directory(name: string): Directory | null {
    return Directory.at(this.#path(name), this.#name(name));
  }

  /** The bytes of a regular file, or null where there is none. @throws UnexpectedEntry it cannot be read as such */
  file(name: string, largestBytes: number): Buffer | null {
    const label = this.#name(name);
    const fd = open(this.#path(name), 0, label);
    if (fd === null) return null;
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw new UnexpectedEntry(`${label} is not a regular file`);
      if (stat.size > largestBytes)
        throw new UnexpectedEntry(`${label} is larger than ${largestBytes} bytes`);
      const bytes = Buffer.allocUnsafe(stat.size);
      let length = 0;
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        read = readSync(fd, bytes, length, bytes.length - length, length);
      }
      return bytes.subarray(0, length);
    } finally {
      closeSync(fd);
    }
  }

  /** Of the entry itself, a link not followed; null where there is none. */
  stat(name: string): Stats | null {
    return lstatSync(this.#path(name), { throwIfNoEntry: false }) ?? null;
  }

  own(): Stats {
    return fstatSync(this.#fd);
  }

  isEmpty(): boolean {
    const entries = opendirSync(`/proc/self/fd/${this.#fd}`);
    try {
      return entries.readSync() === null;
    } finally {
      entries.closeSync();
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #path(name: string): string {
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name))
      throw new TypeError('not one component');
    return `/proc/self/fd/${this.#fd}/${name}`;
  }

  #name(name: string): string {
    return this.#label === '' ? name : `${this.#label}/${name}`;
  }
}

function open(path: string, flags: number, label: string): number | null {
  try {
    return openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | flags);
  } catch (cause) {
    const code = String((cause as NodeJS.ErrnoException).code);
    if (code === 'ENOENT') return null;
    // With O_DIRECTORY a link answers ENOTDIR, without it ELOOP.
    if (code === 'ELOOP') throw new UnexpectedEntry(`${label} is a symbolic link`);
    if (code === 'ENOTDIR') throw new UnexpectedEntry(`${label} is not a directory`);
    throw new UnexpectedEntry(`${label} cannot be opened: ${code}`, { cause });
  }
}
