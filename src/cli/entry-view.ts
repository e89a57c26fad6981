/** Entries of a snapshot as `ls` and `find` show them. */

import { type Content, type Entry, entryFlags, fileType, typeOf } from '../core/archive/entry.ts';
import type { Warning } from '../core/archive/manifest.ts';
import { encodedPaths, shown } from '../core/filesystem/path-text.ts';
import { displayName, isAlwaysKept } from '../core/filesystem/xattrs.ts';
import type { IndexReader } from '../core/jobs/index-reader.ts';
import { warnedPath } from '../core/jobs/restore/backup-warnings.ts';
import type { EntryDocument } from './documents/entry.ts';

export { encodedPath, encodedPaths, shown } from '../core/filesystem/path-text.ts';

const typeNames = new Map<number, { readonly name: EntryDocument['type']; readonly letter: string }>([
  [fileType.regular, { name: 'file', letter: '-' }],
  [fileType.directory, { name: 'directory', letter: 'd' }],
  [fileType.link, { name: 'symlink', letter: 'l' }],
  [fileType.fifo, { name: 'fifo', letter: 'p' }],
  [fileType.socket, { name: 'socket', letter: 's' }],
  [fileType.block, { name: 'block', letter: 'b' }],
  [fileType.character, { name: 'character', letter: 'c' }],
]);

const flagNames = [
  ['immutable', entryFlags.immutable],
  ['append-only', entryFlags.appendOnly],
  ['no-dump', entryFlags.noDump],
] as const;

/** Of the type bits of `st_mode`. */
export const typeNameOf = (type: number): EntryDocument['type'] => typeNames.get(type)?.name ?? 'file';

export const typeName = (entry: Entry): EntryDocument['type'] => typeNameOf(typeOf(entry));

/** Content also of files with several names, which lies in pages of its own. */
export async function contentOf(reader: IndexReader, entry: Entry): Promise<Content | null> {
  if (entry.content !== null || (entry.flags & entryFlags.linked) === 0) return entry.content;
  if (typeOf(entry) !== fileType.regular) return null;
  const tree = entry.path.toString('latin1').split('/')[0];
  const device = reader.root.trees.find(({ name }) => name === tree)?.device;
  if (device === undefined) return null;
  return (await reader.linkRecord(device, entry.inode))?.content ?? null;
}

/** Milliseconds are enough here; the exact time stands beside it. */
export function modifiedAt({ mtimeSeconds, mtimeNanoseconds }: Entry): string | null {
  const year9999 = 253_402_300_799;
  if (mtimeSeconds < -62_167_219_200 || mtimeSeconds > year9999) return null;
  return new Date(mtimeSeconds * 1000 + Math.floor(mtimeNanoseconds / 1e6)).toISOString();
}

export function describeEntry(entry: Entry, content: Content | null): EntryDocument {
  const { path, from: target, pathEncoding } = encodedPaths(entry.path, entry.target);
  return {
    path,
    pathEncoding,
    type: typeName(entry),
    mode: (entry.mode & 0o7777).toString(8).padStart(4, '0'),
    uid: entry.uid,
    gid: entry.gid,
    size: content?.size ?? 0,
    modifiedAt: modifiedAt(entry),
    mtimeSeconds: entry.mtimeSeconds,
    mtimeNanoseconds: entry.mtimeNanoseconds,
    target,
    sha256: content?.sha256?.toString('hex') ?? null,
    linked: (entry.flags & entryFlags.linked) !== 0,
    changed: (entry.flags & entryFlags.changed) !== 0,
    xattrs: entry.xattrs.map(({ name }) => displayName(name)),
    flags: flagNames.filter(([, flag]) => (entry.flags & flag) !== 0).map(([name]) => name),
  };
}

/** Attributes that grant or refuse access, whatever the file system calls them. */
const accessLists = /^system\.(posix_acl_(access|default)|nfs4_acl|richacl)$/;

/** `+` for an ACL, as GNU ls has it, else `@` for other attributes; labels of the host and our own marks are neither. */
function attributesMark({ xattrs }: Entry): string {
  const names = xattrs.map(({ name }) => name.toString('latin1'));
  if (names.some((name) => accessLists.test(name))) return '+';
  return names.every(isAlwaysKept) ? ' ' : '@';
}

/** As `ls -l` has it; the path is whole, so that it can be given to `restore --path-percent`. */
export function entryLine(entry: Entry, content: Content | null): string {
  const bits = `${permissions(entry.mode)}${attributesMark(entry)}`;
  const owner = `${String(entry.uid).padStart(6)} ${String(entry.gid).padStart(6)}`;
  const size = String(content?.size ?? 0).padStart(12);
  const time = modifiedAt(entry)?.slice(0, 16).replace('T', ' ') ?? `@${entry.mtimeSeconds}`;
  const arrow = entry.target === null ? '' : ` -> ${shown(entry.target)}`;
  return `${bits} ${owner} ${size} ${time} ${shown(entry.path)}${arrow}`;
}

/** What a warning is about, as `shown`: a path in the snapshot, a tree, a database or `account`. */
export const warnedPlace = (warning: Warning): string => shown(warnedPath(warning));

export const percentHelp =
  '\nNames with odd bytes or a % are shown percent-encoded, a % as %25. Every path that is shown can be given to\nrestore --path-percent; one without a % also to --path. A database, databases/<instance>/<name>.sql, is\nrestored by --database <instance>/<name>.';

function permissions(mode: number): string {
  const letter = typeNames.get(mode & fileType.mask)?.letter ?? '?';
  const three = (shift: number, special: number, mark: string): string => {
    const bits = mode >> shift;
    const runs = (bits & 1) !== 0;
    const last = (mode & special) === 0 ? (runs ? 'x' : '-') : runs ? mark : mark.toUpperCase();
    return `${(bits & 4) === 0 ? '-' : 'r'}${(bits & 2) === 0 ? '-' : 'w'}${last}`;
  };
  return `${letter}${three(6, 0o4000, 's')}${three(3, 0o2000, 's')}${three(0, 0o1000, 't')}`;
}
