/**
 * Directories in which one entry has several names, as those of exFAT, NTFS, SMB and HFS+: `README` is `readme` there.
 * An entry is ours only where it is listed by the very name that it was given.
 */

import { readdirSync } from 'node:fs';
import { HoldfastError } from '../errors.ts';
import { closeFd, O, openAt, Stat, statAt, unlinkAt, zName } from './native.ts';
import { type Enter, openOrMake } from './open-directories.ts';

/**
 * Whether the names in a directory, and in those made below it, are told apart by less than their bytes: not by case,
 * or not by how a letter with a mark is written. False where that cannot be found out.
 *
 * @param known an entry whose name has small letters, and no other entry has them as capitals
 * @param spare made and removed; a name with a letter that Unicode can write in two ways
 */
export function takesNamesForOne(dirfd: number, known: string, spare: string): boolean {
  const found = new Stat();
  if (statAt(dirfd, zName(known.toUpperCase()), found) === 0) return true;
  const name = zName(spare.normalize('NFC'));
  const fd = openAt(dirfd, name, O.CREAT | O.EXCL | O.WRONLY | O.NOFOLLOW, 0o600);
  if (fd < 0) return false;
  closeFd(fd);
  const same = statAt(dirfd, zName(spare.normalize('NFD')), found) === 0;
  unlinkAt(dirfd, name);
  return same;
}

/** Nobody else may rename anything there. Paths are relative to one root, names and paths in Latin-1. */
export class ExactNames {
  /** Directories that were looked at: whether they are listed by their name. */
  readonly #directories = new Map<string, boolean>();
  /** Names in the directory that was listed last. */
  #listed: { readonly directory: string; readonly names: ReadonlySet<string> } | null = null;
  readonly #found = new Stat();

  /** For `OpenDirectories`, one for each: makes what is missing, and enters nothing that has another name. */
  enter(): Enter {
    const parts: string[] = [];
    return (dirfd, part, depth) => {
      const above = parts.slice(0, depth).join('/');
      parts.splice(depth, Number.POSITIVE_INFINITY, part);
      const path = parts.join('/');
      if (this.#directories.get(path) === false) throw otherName();
      const fd = openOrMake(dirfd, part);
      if (this.#directories.has(path)) return fd;
      const ours = this.#isListed(dirfd, above, part);
      this.#directories.set(path, ours);
      if (ours) return fd;
      closeFd(fd);
      throw otherName();
    };
  }

  /**
   * Whether there is an entry of this name.
   *
   * @param dirfd the directory that `path` lies in
   * @throws TARGET_UNWRITABLE there is one, of another name
   */
  has(dirfd: number, path: Buffer): boolean {
    const end = path.lastIndexOf(0x2f);
    const name = path.subarray(end + 1);
    if (statAt(dirfd, zName(name), this.#found) < 0) return false;
    if (this.#isListed(dirfd, path.toString('latin1', 0, Math.max(end, 0)), name.toString('latin1')))
      return true;
    throw otherName();
  }

  #isListed(dirfd: number, directory: string, name: string): boolean {
    if (this.#listed?.directory === directory && this.#listed.names.has(name)) return true;
    const names = new Set(readdirSync(`/proc/self/fd/${dirfd}`, 'latin1'));
    this.#listed = { directory, names };
    return names.has(name);
  }
}

const otherName = (): HoldfastError =>
  new HoldfastError('TARGET_UNWRITABLE', 'the target takes its name for that of another entry', {
    hint: 'Restore to a file system that tells names apart by case and by their bytes, such as ext4.',
  });
