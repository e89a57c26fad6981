/**
 * What of two entries differs, and where the contents of files with several names are found.
 */

import {
  type Content,
  type Entry,
  entryFlags,
  fileType,
  inodeFlags,
  typeOf,
  type Xattr,
} from '../../archive/entry.ts';
import type { IndexReader } from '../index-reader.ts';
import type { Aspect } from './types.ts';

/** Content of any regular file of one index; null for all else, and where its record is missing. */
export class Contents {
  readonly #reader: IndexReader;
  readonly #devices: ReadonlyMap<string, number>;

  constructor(reader: IndexReader) {
    this.#reader = reader;
    this.#devices = new Map(reader.root.trees.map(({ name, device }) => [name, device]));
  }

  async of(entry: Entry | null): Promise<Content | null> {
    if (entry === null || typeOf(entry) !== fileType.regular) return null;
    if ((entry.flags & entryFlags.linked) === 0) return entry.content;
    const device = this.#devices.get(treeOf(entry.path));
    if (device === undefined) return null;
    return (await this.#reader.linkRecord(device, entry.inode))?.content ?? null;
  }
}

export function treeOf(path: Buffer): string {
  const end = path.indexOf(0x2f);
  return path.toString('utf8', 0, end < 0 ? path.length : end);
}

export function changedAspects(a: Entry, b: Entry, contentIsSame: boolean): Aspect[] {
  const aspects: Aspect[] = [];
  const note = (differs: boolean, aspect: Aspect): void => {
    if (differs) aspects.push(aspect);
  };
  const sameType = typeOf(a) === typeOf(b);
  note(!sameType, 'type');
  if (sameType) {
    note(!contentIsSame, 'content');
    note(!sameBytes(a.target, b.target), 'target');
    note(a.rdevMajor !== b.rdevMajor || a.rdevMinor !== b.rdevMinor, 'device');
  }
  note((a.mode & 0o7777) !== (b.mode & 0o7777), 'mode');
  note(a.uid !== b.uid, 'owner');
  note(a.gid !== b.gid, 'group');
  note(a.mtimeSeconds !== b.mtimeSeconds || a.mtimeNanoseconds !== b.mtimeNanoseconds, 'mtime');
  note(!sameXattrs(a.xattrs.filter(isAcl), b.xattrs.filter(isAcl)), 'acl');
  note(!sameXattrs(a.xattrs.filter(isNoAcl), b.xattrs.filter(isNoAcl)), 'xattrs');
  note((a.flags & inodeFlags) !== (b.flags & inodeFlags), 'flags');
  return aspects;
}

/** Whether the index says the same of two entries without content, to the inode. */
export const isSameRecord = (a: Entry, b: Entry): boolean =>
  (a.flags & ~entryFlags.xattrs) === (b.flags & ~entryFlags.xattrs) &&
  a.inode === b.inode &&
  a.ctimeSeconds === b.ctimeSeconds &&
  a.ctimeNanoseconds === b.ctimeNanoseconds &&
  changedAspects(a, b, true).length === 0;

export function sameContent(a: Content | null, b: Content | null): boolean {
  return (a?.size ?? 0) === (b?.size ?? 0) && sameBytes(a?.sha256 ?? null, b?.sha256 ?? null);
}

const sameBytes = (a: Buffer | null, b: Buffer | null): boolean =>
  a === b || (a !== null && b !== null && a.equals(b));

const isAcl = ({ name }: Xattr): boolean => name.toString('latin1').startsWith('system.posix_acl_');
const isNoAcl = (xattr: Xattr): boolean => !isAcl(xattr);

/** Both are in the order of their names. */
const sameXattrs = (a: readonly Xattr[], b: readonly Xattr[]): boolean =>
  a.length === b.length && a.every((one, i) => one.name.equals(b[i]!.name) && one.value.equals(b[i]!.value));
