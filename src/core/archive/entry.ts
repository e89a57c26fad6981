/**
 * What one name in a tree is, as captured: the record that index pages hold and restores read.
 *
 * Plain data. Paths are raw bytes and begin with the name of the tree; see docs/format.md, section 4.
 */

export const entryFlags = {
  racy: 1,
  changed: 2,
  linked: 4,
  contentsLeftOut: 8,
  xattrs: 16,
  // What `chattr` has set: i, a and d.
  immutable: 128,
  appendOnly: 256,
  noDump: 512,
} as const;

/** What `chattr` has set of an entry, as bits of its flags. */
export const inodeFlags = entryFlags.immutable | entryFlags.appendOnly | entryFlags.noDump;

export const fileType = {
  mask: 0o170000,
  socket: 0o140000,
  link: 0o120000,
  regular: 0o100000,
  block: 0o060000,
  directory: 0o040000,
  character: 0o020000,
  fifo: 0o010000,
} as const;

export interface Xattr {
  readonly name: Buffer;
  readonly value: Buffer;
}

/** A run of a file's bytes: where in the file, and where in which object's tar. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly object: number;
  readonly tarOffset: number;
}

export interface Content {
  readonly size: number;
  /** 32 bytes; null for an empty file. */
  readonly sha256: Buffer | null;
  readonly extents: readonly Extent[];
}

export interface Entry {
  readonly path: Buffer;
  flags: number;
  /** `st_mode`: type and permissions. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly ctimeSeconds: number;
  readonly ctimeNanoseconds: number;
  readonly inode: bigint;
  readonly xattrs: readonly Xattr[];
  /** Regular files that are not linked. */
  readonly content: Content | null;
  /** Symbolic links. */
  readonly target: Buffer | null;
  /** Devices. */
  readonly rdevMajor: number;
  readonly rdevMinor: number;
}

/** Content of a regular file with several names, found by device and inode. */
export interface LinkRecord {
  readonly device: number;
  readonly inode: bigint;
  /** The name under which the tar holds it. */
  readonly path: Buffer;
  readonly content: Content;
}

export const typeOf = (entry: { readonly mode: number }): number => entry.mode & fileType.mask;

const slash = 0x2f;

/** Orders paths by their components as bytes: `a` < `a/x` < `a.b`. */
export function comparePaths(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  let i = 0;
  while (i < shorter && a[i] === b[i]) i++;
  if (i === shorter) return a.length - b.length;
  if (a[i] === slash) return -1;
  if (b[i] === slash) return 1;
  return a[i]! - b[i]!;
}

/** As `comparePaths`, for paths as latin1 strings. */
export function compareLatin1Paths(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  let i = 0;
  while (i < shorter && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  if (i === shorter) return a.length - b.length;
  const x = a.charCodeAt(i);
  const y = b.charCodeAt(i);
  if (x === slash) return -1;
  if (y === slash) return 1;
  return x - y;
}

/** True where `path` is `ancestor` or lies below it. An empty ancestor holds everything. */
export function isWithin(path: Uint8Array, ancestor: Uint8Array): boolean {
  if (ancestor.length === 0) return true;
  if (path.length < ancestor.length) return false;
  for (let i = 0; i < ancestor.length; i++) if (path[i] !== ancestor[i]) return false;
  return path.length === ancestor.length || path[ancestor.length] === slash;
}

/** Bytes of a file's data, holes left out. */
export function dataBytes(content: Content | null): number {
  let covered = 0;
  for (const extent of content?.extents ?? []) covered += extent.length;
  return covered;
}

/** True where the extents leave out a part of the file. */
export const hasHoles = (content: Content): boolean => dataBytes(content) < content.size;
