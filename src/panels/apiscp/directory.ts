/**
 * Reads small things below a directory that strangers may have arranged: never through a link,
 * never blocking, never more than a bounded number of bytes.
 *
 * Goes one component at a time through open descriptors, so that nothing can be exchanged underway. By
 * plain system calls on purpose: a server has thousands of these files, each a few hundred bytes, and
 * whatever stands between costs many times the read.
 */

import { listDirectory } from '../../core/filesystem/directory.ts';
import {
  AT_FDCWD,
  closeFd,
  errno,
  errnoName,
  O,
  openAt,
  readFd,
  Stat,
  statAt,
  statFd,
  zName,
} from '../../core/filesystem/native.ts';

const listing = O.DIRECTORY | O.NOFOLLOW | O.NONBLOCK;
const regular = 0o100000;
const directory = 0o040000;
const kind = 0o170000;

/** Contents are copied out of it. */
const content = Buffer.allocUnsafeSlow(4096);
const reused = new Stat();

/** Something is there, but not what belongs there. The message names it and is safe to show. */
export class UnexpectedEntry extends Error {}

/** What is known of an entry without opening it. */
export interface EntryStat {
  readonly directory: boolean;
  readonly uid: number;
  readonly gid: number;
}

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
    const fd = open(AT_FDCWD, zName(path), O.PATH | listing, label);
    return fd === null ? null : new Directory(fd, label);
  }

  /** As `at`, below this one. */
  directory(name: string): Directory | null {
    const label = this.#name(name);
    const fd = open(this.#fd, component(name), O.PATH | listing, label);
    return fd === null ? null : new Directory(fd, label);
  }

  /** The bytes of a regular file, or null where there is none. @throws UnexpectedEntry it cannot be read as such */
  file(name: string, largestBytes: number): Buffer | null {
    const label = this.#name(name);
    const fd = open(this.#fd, component(name), O.NOFOLLOW | O.NONBLOCK, label);
    if (fd === null) return null;
    try {
      const rc = statFd(fd, reused);
      if (rc < 0) throw new UnexpectedEntry(`${label} cannot be read: ${errnoName(rc)}`);
      if ((reused.mode & kind) !== regular) throw new UnexpectedEntry(`${label} is not a regular file`);
      if (reused.size > largestBytes)
        throw new UnexpectedEntry(`${label} is larger than ${largestBytes} bytes`);
      return readWhole(fd, reused.size, label);
    } finally {
      closeFd(fd);
    }
  }

  /** Of the entry itself, a link not followed; null where there is none. */
  stat(name: string): EntryStat | null {
    const rc = statAt(this.#fd, component(name), reused);
    if (rc === -errno.ENOENT) return null;
    if (rc < 0) throw new UnexpectedEntry(`${this.#name(name)} cannot be looked at: ${errnoName(rc)}`);
    return present();
  }

  own(): EntryStat {
    const rc = statFd(this.#fd, reused);
    if (rc < 0) throw new UnexpectedEntry(`${this.#label} cannot be looked at: ${errnoName(rc)}`);
    return present();
  }

  /** Whether a directory below this one holds anything; null where there is none. @throws UnexpectedEntry it is none */
  holdsAny(name: string): boolean | null {
    const fd = open(this.#fd, component(name), listing, this.#name(name));
    if (fd === null) return null;
    try {
      return listDirectory(fd).length > 0;
    } finally {
      closeFd(fd);
    }
  }

  [Symbol.dispose](): void {
    closeFd(this.#fd);
  }

  #name(name: string): string {
    return this.#label === '' ? name : `${this.#label}/${name}`;
  }
}

const present = (): EntryStat => {
  const { mode, uid, gid } = reused;
  return { directory: (mode & kind) === directory, uid, gid };
};

/** At most `sizeBytes`; less where the file has become shorter. */
function readWhole(fd: number, sizeBytes: number, label: string): Buffer {
  const bytes = sizeBytes <= content.length ? content : Buffer.allocUnsafeSlow(sizeBytes);
  let length = 0;
  while (length < sizeBytes) {
    const read = readFd(fd, bytes.subarray(length, sizeBytes));
    if (read < 0) throw new UnexpectedEntry(`${label} cannot be read: ${errnoName(read)}`);
    if (read === 0) break;
    length += read;
  }
  return bytes === content ? Buffer.from(content.subarray(0, length)) : bytes.subarray(0, length);
}

/** The same few names are asked for in every account. */
const components = new Map<string, Buffer>();
const mostComponents = 64;

function component(name: string): Buffer {
  const known = components.get(name);
  if (known !== undefined) return known;
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name))
    throw new TypeError('not one component');
  const made = zName(name);
  if (components.size < mostComponents) components.set(name, made);
  return made;
}

function open(dirfd: number, name: Buffer, flags: number, label: string): number | null {
  const fd = openAt(dirfd, name, flags | O.NOFOLLOW);
  if (fd >= 0) return fd;
  if (fd === -errno.ENOENT) return null;
  // With O_DIRECTORY a link answers ENOTDIR, without it ELOOP.
  if (fd === -errno.ELOOP) throw new UnexpectedEntry(`${label} is a symbolic link`);
  if (fd === -errno.ENOTDIR) throw new UnexpectedEntry(`${label} is not a directory`);
  throw new UnexpectedEntry(`${label} cannot be opened: ${errnoName(fd)}`);
}
