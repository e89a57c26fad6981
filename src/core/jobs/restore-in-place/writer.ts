/**
 * Carries decisions out: one entry at a time, each made whole under a temporary name and renamed into place.
 *
 * Nothing that was there is edited, but for the metadata of a file that has one name and of directories.
 */

import { type Content, type Entry, entryFlags, fileType, typeOf } from '../../archive/entry.ts';
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  closeFd,
  errno,
  errnoName,
  linkAt,
  makeDirectoryAt,
  O,
  openAt,
  renameAt,
  Stat,
  statAt,
  statFd,
  unlinkAt,
  zName,
} from '../../filesystem/native.ts';
import { applyToDescriptor, createFile, createSpecial, lastName } from '../../filesystem/write-entry.ts';
import { magicPath, type XattrBackend } from '../../filesystem/xattrs.ts';
import type { Frames } from '../restore/frames.ts';
import { writeContent } from '../restore/write-content.ts';
import { isOpaque, isWhiteout, withoutLayerXattrs } from './layer.ts';
import type { LiveTree } from './live-tree.ts';
import { onlyInLowerLayers } from './lower-names.ts';
import { directoryInTheWay, unwritable } from './obstacles.ts';
import { type Removal, removeEntry, type Sides } from './remove.ts';
import { temporaryName } from './temporary.ts';

export interface WriterOptions {
  readonly frames: Frames;
  readonly xattrs: XattrBackend;
  readonly newId: () => string;
  readonly delete: boolean;
  readonly removal: Omit<Removal, 'tree' | 'why'>;
  readonly warn: (code: string, path: Buffer, message: string) => void;
}

/** How often a name that others keep changing is tried. */
const attempts = 8;
const stat = new Stat();

export class Writer {
  readonly #options: WriterOptions;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** A regular file or special entry, new. @throws TARGET_UNWRITABLE, OBJECT_DAMAGED; the old one is still there */
  async put(tree: LiveTree, entry: Entry, content: Content | null): Promise<void> {
    const { frames, xattrs, newId } = this.#options;
    const directory = tree.writableParent(entry.path);
    if (tree.layered && isWhiteout(entry)) {
      this.#clear(tree, entry, directory);
      return;
    }
    if ((entry.flags & entryFlags.changed) !== 0) {
      this.#options.warn('changed', entry.path, 'changed while it was backed up; the copy may be torn');
    }
    const temporary = temporaryName(newId());
    const refused = (code: string, message: string): void => this.#options.warn(code, entry.path, message);
    const wanted = tree.layered ? withoutLayerXattrs(entry) : entry;
    let made = false;
    try {
      if (typeOf(entry) === fileType.regular) {
        const fd = createFile(directory, temporary, false);
        made = true;
        try {
          if (content !== null && content.size > 0) await writeContent(fd, content, frames);
          applyToDescriptor(fd, wanted, xattrs, refused);
        } finally {
          closeFd(fd);
        }
      } else {
        made = true;
        createSpecial(directory, temporary, wanted, { replace: false, xattrs, refused });
      }
      this.#moveIn(tree, entry, directory, temporary);
    } catch (error) {
      if (made) unlinkAt(directory, temporary);
      throw error;
    }
  }

  /** Another name of a file that was put, or was right. `inode`: of that file, on the side that is looked at. */
  link(tree: LiveTree, entry: Entry, base: { tree: LiveTree; path: Buffer; inode: bigint }): void {
    const temporary = temporaryName(this.#options.newId());
    // The other tree's descriptors may be the same; keep this one past the next look-up.
    const from = openAt(base.tree.writableParent(base.path), zName('.'), O.DIRECTORY | O.NOFOLLOW);
    if (from < 0) throw unwritable(`the directory of its other name cannot be opened: ${errnoName(from)}`);
    let directory = -1;
    try {
      directory = tree.writableParent(entry.path);
      const rc = linkAt(from, lastName(base.path), directory, temporary);
      if (rc < 0) throw unwritable(`cannot be linked: ${errnoName(rc)}`);
      const look = tree.look.parentOf(tree.relative(entry.path));
      const seen = look === null ? -errno.ENOENT : statAt(look, temporary, stat);
      if (seen < 0 || stat.inode !== base.inode) throw unwritable('its other name was replaced meanwhile');
      this.#moveIn(tree, entry, directory, temporary);
    } finally {
      // Renaming one name of an inode to another does nothing, and says so to nobody.
      if (directory >= 0) unlinkAt(directory, temporary);
      closeFd(from);
    }
  }

  /** Makes sure that there is a directory; its metadata comes last. @throws TARGET_UNWRITABLE */
  directory(tree: LiveTree, entry: Entry): void {
    const parent = tree.writableParent(entry.path);
    const name = lastName(entry.path);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const rc = makeDirectoryAt(parent, name, 0o700);
      if (rc === 0) return;
      if (rc !== -errno.EEXIST) throw unwritable(`cannot be made: ${errnoName(rc)}`);
      if (statAt(parent, name, stat) < 0) continue;
      if (typeOf(stat) === fileType.directory) return;
      const gone = unlinkAt(parent, name);
      if (gone < 0 && gone !== -errno.ENOENT)
        throw unwritable(`what is in its place stays: ${errnoName(gone)}`);
    }
    throw unwritable('its name kept changing meanwhile');
  }

  /** Metadata of a file that is otherwise right. @throws TARGET_UNWRITABLE it is another inode by now, or shared */
  describe(tree: LiveTree, entry: Entry): void {
    const path = openAt(tree.writableParent(entry.path), lastName(entry.path), O.PATH | O.NOFOLLOW);
    if (path < 0) throw unwritable(`cannot be reached: ${errnoName(path)}`);
    try {
      statFd(path, stat);
      const plain = typeOf(stat) === fileType.regular && !tree.write.isForeign(stat);
      if (!plain || stat.nlink !== 1) throw unwritable('was replaced meanwhile');
      const fd = openAt(AT_FDCWD, magicPath(path), O.RDONLY | O.NONBLOCK);
      if (fd < 0) throw unwritable(`cannot be opened: ${errnoName(fd)}`);
      try {
        statFd(fd, stat);
        if (stat.nlink !== 1) throw unwritable('got another name meanwhile');
        this.#apply(tree, fd, entry);
      } finally {
        closeFd(fd);
      }
    } finally {
      closeFd(path);
    }
  }

  /** Metadata of a directory, once nothing below it changes any more. */
  finish(tree: LiveTree, entry: Entry): void {
    this.#apply(tree, tree.writableDirectory(entry.path), entry);
  }

  /** Hides in an opaque directory what lower layers would show: name by name, since the mount allows no more. */
  hideLower(tree: LiveTree, entry: Entry): void {
    if (!tree.layered || !isOpaque(entry.xattrs)) return;
    for (const name of onlyInLowerLayers(tree, tree.relative(entry.path))) {
      const bytes = Buffer.from(name, 'latin1');
      const write = tree.writableDirectory(entry.path);
      const path = Buffer.concat([entry.path, Buffer.from('/'), bytes]);
      removeEntry(this.#hiding(tree), { look: write, write }, zName(bytes), path);
    }
  }

  #apply(tree: LiveTree, fd: number, entry: Entry): void {
    const wanted = tree.layered ? withoutLayerXattrs(entry) : entry;
    applyToDescriptor(fd, wanted, this.#options.xattrs, (code, message) =>
      this.#options.warn(code, entry.path, message),
    );
  }

  #moveIn(tree: LiveTree, entry: Entry, directory: number, temporary: Buffer): void {
    const name = lastName(entry.path);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const rc = renameAt(directory, temporary, directory, name);
      if (rc === 0) return;
      if (rc !== -errno.EISDIR && rc !== -errno.ENOTEMPTY && rc !== -errno.EEXIST) {
        throw unwritable(`cannot take its place: ${errnoName(rc)}`);
      }
      this.#clear(tree, entry, directory);
    }
    throw unwritable('its name kept changing meanwhile');
  }

  /** Frees the name. A directory that holds something goes only where deleting was asked for. */
  #clear(tree: LiveTree, entry: Entry, directory: number): void {
    const name = lastName(entry.path);
    const file = unlinkAt(directory, name);
    if (file === 0 || file === -errno.ENOENT) return;
    if (file !== -errno.EISDIR) throw unwritable(`what is in its place stays: ${errnoName(file)}`);
    const rc = unlinkAt(directory, name, AT_REMOVEDIR);
    if (rc === 0 || rc === -errno.ENOENT) return;
    if (rc !== -errno.ENOTEMPTY && rc !== -errno.EEXIST) {
      throw unwritable(`the directory in its place stays: ${errnoName(rc)}`);
    }
    const upper = tree.look.directory(tree.relative(entry.path));
    if (!this.#options.delete && upper !== null) throw directoryInTheWay();
    const parent: Sides = { look: directory, write: directory };
    const removal = upper === null ? this.#hiding(tree) : this.#removalOf(tree);
    if (!removeEntry(removal, parent, name, entry.path)) {
      throw unwritable('the directory in its place holds something that stays');
    }
  }

  /** Of what lower layers alone have, which no backup has and no exclusion means. */
  #hiding(tree: LiveTree): Removal {
    return { ...this.#removalOf(tree), keeps: () => false };
  }

  #removalOf(tree: LiveTree): Removal {
    return { ...this.#options.removal, tree, why: 'in-the-way', removed: () => {} };
  }
}
