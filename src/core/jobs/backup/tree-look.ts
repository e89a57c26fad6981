/**
 * A look at the directories of a tree before it is captured, in the main thread: by descriptors that read nothing,
 * never through a link, and onto what is mounted below its root only where the capture goes there too. Whoever may
 * mount something may have a server that never answers.
 *
 * Paths and names are bytes as latin1. What cannot be opened passes for absent: the capture will say why.
 */

import { fileType, typeOf } from '../../archive/entry.ts';
import type { Tree } from '../../contracts/panel.ts';
import { isHoldfastError } from '../../errors.ts';
import { directoryType, listAnew, listedType, plainName } from '../../filesystem/directory.ts';
import { countsLinks } from '../../filesystem/kind.ts';
import { AT_FDCWD, closeFd, O, openAt, Stat, statAt, statFd, zName } from '../../filesystem/native.ts';
import { componentName, OpenDirectories } from '../../filesystem/open-directories.ts';
import { cName, isElsewhere } from '../capture/levels.ts';

const place = O.PATH | O.DIRECTORY | O.NOFOLLOW;
const [dot, dotDot] = [zName('.'), zName('..')];
const found = new Stat();

/** A component is not there, is a link, or lies on another mount. */
class Absent extends Error {}

export interface FoundDirectory {
  readonly name: string;
  readonly stat: Stat;
  /** It is known to hold no directory. */
  readonly isLeaf: boolean;
}

export class TreeLook {
  readonly #root: number;
  readonly #rootStat = new Stat();
  readonly #spansMounts: boolean;
  readonly #countsLinks: boolean;
  readonly #directories: OpenDirectories;

  constructor({ path, include }: Pick<Tree, 'path' | 'include'>) {
    this.#spansMounts = include !== undefined;
    this.#root = openAt(AT_FDCWD, zName(path), place);
    const isThere = this.#root >= 0 && statFd(this.#root, this.#rootStat) === 0;
    this.#countsLinks = isThere && countsLinks(this.#root);
    this.#directories = new OpenDirectories(this.#root, (dirfd, part) => this.#enter(dirfd, part));
  }

  #enter(dirfd: number, part: string): number {
    const fd = openAt(dirfd, componentName(part), place);
    if (fd >= 0 && statFd(fd, found) === 0 && this.#isWithin(found)) return fd;
    if (fd >= 0) closeFd(fd);
    throw new Absent();
  }

  #isWithin(stat: Stat): boolean {
    return this.#spansMounts || !isElsewhere(stat, this.#rootStat);
  }

  /** Empty: the root. It finds names and lists nothing; open until the next call. Null where there is none. */
  directory(path: string): number | null {
    try {
      return this.#root < 0 ? null : this.#directories.open(path === '' ? [] : path.split('/'));
    } catch (error) {
      if (error instanceof Absent) return null;
      throw error;
    }
  }

  /** The root and the directories above it, upwards. `fd` finds names; it and `stat` are valid for one step. */
  *upwards(): Generator<{ readonly fd: number; readonly stat: Stat }> {
    const [stat, above] = [new Stat(), new Stat()];
    let fd = this.#root < 0 ? -1 : openAt(this.#root, dot, place);
    try {
      while (fd >= 0 && statFd(fd, stat) === 0) {
        yield { fd, stat };
        const next = openAt(fd, dotDot, place);
        closeFd(fd);
        fd = next;
        // What lies above the root of everything is that root.
        if (fd >= 0 && statFd(fd, above) === 0 && above.sameInode(stat) && !above.isOnOtherMount(stat))
          return;
      }
    } finally {
      if (fd >= 0) closeFd(fd);
    }
  }

  /** Directories in an open one that `directory` would open; `stat` is valid for one step. */
  *directoriesIn(fd: number, wanted: (name: string) => boolean): Generator<FoundDirectory> {
    for (const listed of this.#list(fd)) {
      const [name, type] = [plainName(listed), listedType(listed)];
      if ((type !== directoryType && type !== '0') || !wanted(name)) continue;
      if (statAt(fd, cName(name), found) < 0 || typeOf(found) !== fileType.directory) continue;
      if (!this.#isWithin(found)) continue;
      const isLeaf = this.#countsLinks && found.nlink === 2 && !isElsewhere(found, this.#rootStat);
      yield { name, stat: found, isLeaf };
    }
  }

  namesIn(fd: number): string[] {
    return this.#list(fd).map(plainName);
  }

  #list(fd: number): string[] {
    try {
      return listAnew(fd);
    } catch (error) {
      if (isHoldfastError(error)) return [];
      throw error;
    }
  }

  close(): void {
    this.#directories.close();
    if (this.#root >= 0) closeFd(this.#root);
  }
}

/** Of an open directory; valid until anything else is looked at. */
export function statOf(fd: number): Stat {
  statFd(fd, found);
  return found;
}

/** Whether an open directory has this name, ASCII. */
export const hasName = (fd: number, name: string): boolean => statAt(fd, cName(name), found) === 0;
