/**
 * Descriptors of the directories under which entries are being made, from a trusted root down.
 *
 * Entries come in path order, so the open directories are always one path; the next entry closes what it
 * leaves and opens what it enters, one component at a time, never through a link.
 */

import { HoldfastError } from '../errors.ts';
import { closeFd, errno, errnoName, makeDirectoryAt, O, openAt, zName } from './native.ts';
import { displayName } from './xattrs.ts';

interface Level {
  readonly name: string;
  readonly fd: number;
}

/** Opens one component below an open directory, never through a link; `depth` of them lie above. @throws HoldfastError it cannot */
export type Enter = (dirfd: number, part: string, depth: number) => number;

export class OpenDirectories {
  readonly #root: number;
  readonly #enter: Enter;
  #levels: Level[] = [];

  /** The descriptor stays the caller's. `enter` decides what becomes of a component that is missing. */
  constructor(root: number, enter: Enter = openOrMake) {
    this.#root = root;
    this.#enter = enter;
  }

  /**
   * Descriptor of the directory that is to hold `path`; missing directories are made, mode 0700. It stays
   * open until another path is asked for.
   *
   * @throws TARGET_UNWRITABLE a component is a link or no directory, or cannot be made
   */
  parentOf(path: Buffer): number {
    const end = path.lastIndexOf(0x2f);
    return end < 0 ? this.open([]) : this.open(path.toString('latin1', 0, end).split('/'));
  }

  /** As `parentOf`, for the directory itself. */
  at(path: Buffer): number {
    return this.open(path.toString('latin1').split('/'));
  }

  open(parts: readonly string[]): number {
    let shared = 0;
    while (shared < parts.length && this.#levels[shared]?.name === parts[shared]) shared++;
    for (const level of this.#levels.splice(shared)) closeFd(level.fd);
    for (let i = shared; i < parts.length; i++) {
      const fd = this.#levels.at(-1)?.fd ?? this.#root;
      this.#levels.push({ name: parts[i]!, fd: this.#enter(fd, parts[i]!, i) });
    }
    return this.#levels.at(-1)?.fd ?? this.#root;
  }

  close(): void {
    for (const level of this.#levels.splice(0)) closeFd(level.fd);
  }
}

/** One component as the calls take it. @throws OBJECT_DAMAGED it is `.`, `..`, empty or holds NUL */
export function componentName(part: string): Buffer {
  if (part === '' || part === '.' || part === '..' || part.includes('\0')) {
    throw new HoldfastError('OBJECT_DAMAGED', `a path has the component ${displayName(part) || '(empty)'}`, {
      hint: 'The snapshot was not written by Holdfast, or is damaged: run `holdfast verify`.',
    });
  }
  return zName(Buffer.from(part, 'latin1'));
}

/** One component, made with mode 0700 where it is missing. @throws TARGET_UNWRITABLE */
export function openOrMake(dirfd: number, part: string): number {
  const name = componentName(part);
  let fd = openAt(dirfd, name, O.DIRECTORY | O.NOFOLLOW);
  if (fd === -errno.ENOENT) {
    const made = makeDirectoryAt(dirfd, name, 0o700);
    if (made < 0 && made !== -errno.EEXIST) throw unwritable(part, made);
    fd = openAt(dirfd, name, O.DIRECTORY | O.NOFOLLOW);
  }
  if (fd < 0) throw unwritable(part, fd);
  return fd;
}

function unwritable(part: string, rc: number): HoldfastError {
  return new HoldfastError(
    'TARGET_UNWRITABLE',
    `cannot enter directory ${displayName(part)}: ${errnoName(rc)}`,
    {
      hint: 'Check the target: it must be a directory that nobody else writes to, with room and inodes left.',
    },
  );
}
