/**
 * Carries decisions out: one entry at a time, each made whole under a temporary name and renamed into place.
 *
 * Nothing that was there is edited, but for metadata: of directories, and of the very file that was looked at where it
 * has one name, as far as ownership.ts allows.
 */

import { type Content, type Entry, fileType, typeOf } from '../../archive/entry.ts';
import { closeWritten } from '../../filesystem/flush.ts';
import {
  AT_REMOVEDIR,
  closeFd,
  errno,
  errnoName,
  linkInode,
  O,
  openAt,
  renameAt,
  Stat,
  statAt,
  statFd,
  unlinkAt,
  zName,
} from '../../filesystem/native.ts';
import {
  applyToDescriptor,
  applyToInode,
  createFile,
  createSpecial,
  lastName,
} from '../../filesystem/write-entry.ts';
import type { XattrBackend } from '../../filesystem/xattrs.ts';
import type { Frames } from '../restore/frames.ts';
import { writeContent } from '../restore/write-content.ts';
import type { Seen } from './decide.ts';
import { describeDirectory, describeFile } from './describe.ts';
import { isBase } from './identity.ts';
import { isOpaque, isWhiteout, withoutLayerXattrs } from './layer.ts';
import type { Base, Inode } from './link-groups.ts';
import type { LiveTree } from './live-tree.ts';
import { onlyInLowerLayers } from './lower-names.ts';
import { directoryInTheWay, unwritable } from './obstacles.ts';
import { givesRights } from './ownership.ts';
import { type Removal, removeEntry, type Sides } from './remove.ts';
import { makeDirectory, noStaging, openStaging } from './staging.ts';
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

  /**
   * A regular file or special entry, new.
   *
   * @returns the inode made, where the tree is written; null where a name was only freed
   * @throws TARGET_UNWRITABLE, OBJECT_DAMAGED; the old one is still there
   */
  async put(tree: LiveTree, entry: Entry, content: Content | null): Promise<Inode | null> {
    const { frames, xattrs, newId } = this.#options;
    const directory = tree.writableParent(entry.path);
    if (tree.layered && isWhiteout(entry)) {
      this.#clear(tree, entry, directory);
      return null;
    }
    const temporary = temporaryName(newId());
    const refused = (code: string, message: string): void => this.#options.warn(code, entry.path, message);
    const wanted = tree.layered ? withoutLayerXattrs(entry) : entry;
    const regular = typeOf(entry) === fileType.regular;
    // A file is reached by the descriptor that made it, and is its owner's before it has all its rights.
    const exposed = regular && !givesRights(wanted);
    const place = exposed ? noStaging(directory) : openStaging(directory, temporary);
    let made = false;
    try {
      if (regular) {
        let fd = createFile(place.fd, temporary, false);
        made = true;
        try {
          if (content !== null && content.size > 0) await writeContent(fd, content, frames);
          applyToDescriptor(fd, wanted, xattrs, refused);
          statFd(fd, stat);
          const written = fd;
          fd = -1;
          closeWritten(written);
        } finally {
          if (fd >= 0) closeFd(fd);
        }
      } else {
        made = true;
        createSpecial(place.fd, temporary, wanted, { replace: false, xattrs, refused });
        statAt(place.fd, temporary, stat);
      }
      const { inode, deviceMajor, deviceMinor } = stat;
      this.#moveIn(tree, entry, { directory, from: place.fd, temporary });
      return { inode, deviceMajor, deviceMinor };
    } catch (error) {
      if (made) unlinkAt(place.fd, temporary);
      throw error;
    } finally {
      place.close();
    }
  }

  /** Another name of a file that was put, or was right. */
  link(tree: LiveTree, entry: Entry, base: Base): void {
    const temporary = temporaryName(this.#options.newId());
    const from = openAt(base.tree.writableParent(base.path), lastName(base.path), O.PATH | O.NOFOLLOW);
    if (from < 0) throw unwritable(`its other name cannot be opened: ${errnoName(from)}`);
    let directory = -1;
    try {
      if (!isBase(base, from)) throw unwritable('its other name was replaced meanwhile');
      directory = tree.writableParent(entry.path);
      const rc = linkInode(from, directory, temporary);
      if (rc < 0) throw unwritable(`cannot be linked: ${errnoName(rc)}`);
      this.#moveIn(tree, entry, { directory, from: directory, temporary });
    } finally {
      // Renaming one name of an inode to another does nothing, and says so to nobody.
      if (directory >= 0) unlinkAt(directory, temporary);
      closeFd(from);
    }
  }

  /**
   * Makes sure that there is a directory. A new one has its metadata before it has its name, so that it can be told
   * from others at the end, when it gets its time. @throws TARGET_UNWRITABLE
   */
  directory(tree: LiveTree, entry: Entry): void {
    const parent = tree.writableParent(entry.path);
    const name = lastName(entry.path);
    const temporary = temporaryName(this.#options.newId());
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (statAt(parent, name, stat) === 0) {
        if (typeOf(stat) === fileType.directory) return; // of a lower layer, or made meanwhile
        const gone = unlinkAt(parent, name);
        if (gone < 0 && gone !== -errno.ENOENT)
          throw unwritable(`what is in its place stays: ${errnoName(gone)}`);
      }
      const rc = makeDirectory({ parent, name, temporary }, (fd) => this.#apply(tree, fd, entry));
      if (rc === 0) return;
      const taken = rc === -errno.ENOTDIR || rc === -errno.ENOTEMPTY || rc === -errno.EEXIST;
      if (!taken) throw unwritable(`cannot be made: ${errnoName(rc)}`);
    }
    throw unwritable('its name kept changing meanwhile');
  }

  /** Metadata of a file that is otherwise right, and of which `seen` was right. @throws TARGET_UNWRITABLE */
  describe(tree: LiveTree, entry: Entry, seen: Seen): void {
    describeFile(tree, entry, seen, (fd) => this.#apply(tree, fd, entry, applyToInode));
  }

  /** Metadata of a directory, once nothing below it changes any more. @throws TARGET_UNWRITABLE it is not the account's */
  finish(tree: LiveTree, entry: Entry): void {
    describeDirectory(tree, entry, (fd) => this.#apply(tree, fd, entry));
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

  #apply(tree: LiveTree, fd: number, entry: Entry, apply = applyToDescriptor): void {
    const wanted = tree.layered ? withoutLayerXattrs(entry) : entry;
    apply(fd, wanted, this.#options.xattrs, (code, message) => this.#options.warn(code, entry.path, message));
  }

  #moveIn(
    tree: LiveTree,
    entry: Entry,
    { directory, from, temporary }: Record<'directory' | 'from', number> & { readonly temporary: Buffer },
  ): void {
    const name = lastName(entry.path);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const rc = renameAt(from, temporary, directory, name);
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
    const look = tree.look.parentOf(tree.relative(entry.path));
    const isUpper = look !== null && statAt(look, name, stat) === 0 && typeOf(stat) === fileType.directory;
    if (!this.#options.delete && isUpper) throw directoryInTheWay();
    const parent: Sides = { look: directory, write: directory };
    const removal = !isUpper ? this.#hiding(tree) : this.#removalOf(tree);
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
