/**
 * Restores entries, in path order, into an open target directory.
 *
 * Files come with content and all metadata. Directories are only made; they get their metadata last, after
 * everything inside them exists (`finishDirectory`). Entries with several names wait for `restoreLinked`.
 */

import {
  type Content,
  dataBytes,
  type Entry,
  entryFlags,
  fileType,
  type LinkRecord,
  typeOf,
} from '../../archive/entry.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { ExactNames } from '../../filesystem/exact-names.ts';
import { endsOfTarget } from '../../filesystem/exhaustion.ts';
import { closeWritten } from '../../filesystem/flush.ts';
import { closeFd, errno, errnoName, linkAt, unlinkAt } from '../../filesystem/native.ts';
import { OpenDirectories } from '../../filesystem/open-directories.ts';
import { shown } from '../../filesystem/path-text.ts';
import {
  applyToDescriptor,
  createFile,
  createSpecial,
  isComplete,
  lastName,
} from '../../filesystem/write-entry.ts';
import type { XattrBackend } from '../../filesystem/xattrs.ts';
import type { Frames } from './frames.ts';
import { isProtected, protectFile, protectName, unprotect } from './protection.ts';
import { type Restriction, restrictEntry } from './restriction.ts';
import { writeContent } from './write-content.ts';

export interface RestoreOutlet {
  warn(code: string, path: Buffer, message: string): void;
  failed(path: Buffer, message: string): void;
  progress(entries: number, bytes: number): void;
  kept(): void;
}

export interface RestorerOptions {
  readonly resume: boolean;
  /** The target takes several names for one. */
  readonly alike: boolean;
  readonly xattrs: XattrBackend;
  readonly frames: Frames;
  readonly outlet: RestoreOutlet;
  readonly restriction: Restriction | null;
}

/** What stops the whole restore instead of costing one entry. */
export function isFatal(error: unknown): boolean {
  if (!isHoldfastError(error)) return true;
  return (
    (error.code === 'TARGET_UNWRITABLE' && endsOfTarget(error.message)) ||
    error.code === 'INTERRUPTED' ||
    error.code === 'STORE_UNAVAILABLE' ||
    error.code === 'STORE_DENIED'
  );
}

/** Of a file that is no entry: an export of a database. */
export const costsOneFile = (error: unknown): error is HoldfastError =>
  isHoldfastError(error) &&
  (error.code.startsWith('OBJECT_') || (error.code === 'TARGET_UNWRITABLE' && !isFatal(error)));

export class EntryRestorer {
  readonly #directories: OpenDirectories;
  readonly #options: RestorerOptions;
  readonly #exact: ExactNames | null;

  constructor(target: number, options: RestorerOptions) {
    this.#options = options;
    this.#exact = options.alike ? new ExactNames() : null;
    this.#directories = new OpenDirectories(target, this.#exact?.enter());
  }

  close(): void {
    this.#directories.close();
  }

  /** @returns true where the entry waits for a later step: a directory's metadata, or its links */
  async restore(given: Entry): Promise<boolean> {
    const entry = this.#admitted(given, true);
    if (entry === null) return false;
    return this.#guard(entry, async () => {
      if (this.#options.resume && isProtected(entry)) {
        const parent = this.#directories.parentOf(entry.path);
        if (this.#mayBeThere(parent, entry)) unprotect(parent, lastName(entry.path));
      }
      if (typeOf(entry) === fileType.directory) {
        this.#directories.at(entry.path);
        return true;
      }
      if ((entry.flags & entryFlags.linked) !== 0) return true;
      await this.#make(entry, entry.content);
      return false;
    });
  }

  /** As it may be made; null where it must not be, which is told once. */
  #admitted(entry: Entry, tell: boolean): Entry | null {
    const { restriction, outlet } = this.#options;
    if (restriction === null) return entry;
    const admitted = restrictEntry(entry, restriction);
    if (typeof admitted !== 'string') return admitted;
    if (tell) outlet.warn('left-out', entry.path, `${admitted}, and the snapshot is not trusted`);
    return null;
  }

  async #guard(entry: Entry, action: () => Promise<boolean>): Promise<boolean> {
    try {
      return await action();
    } catch (error) {
      if (isFatal(error)) throw error;
      this.#options.outlet.failed(entry.path, (error as Error).message);
      return false;
    }
  }

  /** @throws TARGET_UNWRITABLE another entry is there, which is to be left as it is */
  #mayBeThere(parent: number, entry: Entry): boolean {
    return this.#exact === null || this.#exact.has(parent, entry.path);
  }

  async #make(entry: Entry, content: Content | null): Promise<void> {
    const { outlet, xattrs } = this.#options;
    const parent = this.#directories.parentOf(entry.path);
    const name = lastName(entry.path);
    const size = content?.size ?? 0;
    // What was not there by its own name a moment ago is another entry by now, and is not replaced.
    const resume = this.#mayBeThere(parent, entry) && this.#options.resume;
    if (resume && isComplete(parent, name, entry, size, xattrs)) {
      protectName(parent, name, entry, outlet);
      outlet.kept();
      outlet.progress(1, dataBytes(content));
      return;
    }
    const refused = (code: string, message: string): void => outlet.warn(code, entry.path, message);
    if (typeOf(entry) !== fileType.regular) {
      createSpecial(parent, name, entry, { replace: resume, xattrs, refused });
    } else {
      let fd = createFile(parent, name, resume);
      try {
        if (content !== null && content.size > 0) await writeContent(fd, content, this.#options.frames);
        applyToDescriptor(fd, entry, xattrs, refused);
        protectFile(fd, entry, outlet);
        const written = fd;
        fd = -1;
        closeWritten(written);
      } catch (error) {
        unlinkAt(parent, name); // nothing half-done stays under a real name
        throw error;
      } finally {
        if (fd >= 0) closeFd(fd);
      }
    }
    outlet.progress(1, dataBytes(content));
  }

  /** All names of linked files, in path order: the first of each is made, the others are links to it. */
  async restoreLinked(
    entries: AsyncIterable<Entry>,
    deviceOf: (entry: Entry) => number,
    recordOf: (device: number, inode: bigint) => Promise<LinkRecord | null>,
  ): Promise<void> {
    const { outlet } = this.#options;
    const first = new Map<string, Buffer>();
    const links = new OpenDirectories(this.#directories.open([]), this.#exact?.enter());
    try {
      for await (const given of entries) {
        const entry = this.#admitted(given, false);
        if (entry === null) continue;
        const key = `${deviceOf(entry)}:${entry.inode}`;
        const made = first.get(key);
        await this.#guard(entry, async () => {
          if (made !== undefined) this.#link(links, made, entry);
          else {
            const regular = typeOf(entry) === fileType.regular;
            const record = regular ? await recordOf(deviceOf(entry), entry.inode) : null;
            if (regular && record === null) {
              outlet.warn('unreadable', entry.path, 'its content could not be read when it was backed up');
              return false;
            }
            await this.#make(entry, record?.content ?? null);
            first.set(key, entry.path);
          }
          return false;
        });
      }
    } finally {
      links.close();
    }
  }

  #link(links: OpenDirectories, made: Buffer, entry: Entry): void {
    const from = links.parentOf(made);
    const to = this.#directories.parentOf(entry.path);
    const name = lastName(entry.path);
    const resume = this.#mayBeThere(to, entry) && this.#options.resume;
    let rc = linkAt(from, lastName(made), to, name);
    if (rc === -errno.EEXIST && resume) {
      unlinkAt(to, name);
      rc = linkAt(from, lastName(made), to, name);
    }
    if (rc < 0) {
      throw new HoldfastError('TARGET_UNWRITABLE', `cannot link it to ${shown(made)}: ${errnoName(rc)}`, {
        hint: 'Check that the target file system supports hard links.',
      });
    }
    this.#options.outlet.progress(1, 0);
  }

  /** Metadata of a directory; call it when nothing below it will be made any more. */
  async finishDirectory(given: Entry): Promise<void> {
    const { outlet, xattrs } = this.#options;
    const entry = this.#admitted(given, false);
    if (entry === null) return;
    await this.#guard(entry, async () => {
      const fd = this.#directories.at(entry.path);
      applyToDescriptor(fd, entry, xattrs, (code, message) => outlet.warn(code, entry.path, message));
      outlet.progress(1, 0);
      return false;
    });
  }
}
