/**
 * pax tar headers on raw bytes: what Node's tar libraries cannot write (binary xattrs, names that are not
 * UTF-8, sparse maps, large ids, nanoseconds before 1970).
 *
 * Formats: POSIX.1-2008 pax, GNU sparse 1.0 (GNU tar manual, appendix D.2), SCHILY.xattr, SCHILY.acl and SCHILY.fflags (star).
 * The encoder owns one scratch buffer; what it returns is valid until its next call.
 */

import { isUtf8 } from 'node:buffer';
import { aclText } from './acl.ts';
import { ByteWriter } from './bytes.ts';
import { entryFlags, inodeFlags, type Xattr } from './entry.ts';

export const blockBytes = 512;
/** bsdtar refuses larger pax headers and gives up on the rest of the archive. */
const paxLimitBytes = 1024 * 1024 - 8192;

export interface DataRange {
  readonly offset: number;
  readonly length: number;
}

export interface TarMember {
  readonly type: '0' | '1' | '2' | '3' | '4' | '5' | '6';
  /** A directory's ends in a slash. */
  readonly path: Buffer;
  readonly linkPath: Buffer | null;
  /** Permissions only. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  /** Apparent size of a regular file, else 0. */
  readonly size: number;
  /** Data ranges of a file with holes, else null. */
  readonly ranges: readonly DataRange[] | null;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  readonly xattrs: readonly Xattr[];
  /** Of the entry; only what `chattr` has set counts. */
  readonly flags: number;
}

/** Names that libarchive has for what `chattr` sets, in its order. */
export const flagNames = [
  ['sappnd', entryFlags.appendOnly],
  ['schg', entryFlags.immutable],
  ['nodump', entryFlags.noDump],
] as const;

const asciiName = (path: Buffer): boolean => {
  if (path.length > 100) return false;
  for (let i = 0; i < path.length; i++) if (path[i]! >= 0x80) return false;
  return true;
};

/** False for what is not UTF-8, and for decomposed letters, which bsdtar would compose. */
function isSafeText(path: Buffer): boolean {
  if (!isUtf8(path)) return false;
  for (let i = 0; i < path.length; i++) {
    if (path[i]! < 0x80) continue;
    const text = path.toString();
    return text.normalize('NFC') === text;
  }
  return true;
}

export const padding = (size: number): number => (blockBytes - (size % blockBytes)) % blockBytes;

/** The map that precedes the data of a sparse member, padded to whole blocks. */
export function sparseMap(ranges: readonly DataRange[], size: number): Buffer {
  const all = [...ranges];
  const last = all.at(-1);
  if (last === undefined || last.offset + last.length < size) all.push({ offset: size, length: 0 });
  const text = `${all.length}\n${all.map((range) => `${range.offset}\n${range.length}\n`).join('')}`;
  const map = Buffer.alloc(text.length + padding(text.length));
  map.write(text, 'latin1');
  return map;
}

export class TarEncoder {
  readonly #out = new ByteWriter(64 * 1024);
  readonly #pax = new ByteWriter(16 * 1024);
  /** Names of xattrs that the last header had no room for. */
  omitted: string[] = [];

  /** Header blocks of one member. For a sparse member `map` is what follows, before the data. */
  header(member: TarMember, map: Buffer | null): Buffer {
    this.omitted = [];
    this.#pax.reset();
    this.#out.reset();
    const storedBytes = map === null ? member.size : map.length + sum(member.ranges ?? []);
    this.#records(member, storedBytes);
    if (this.#pax.length > 0) {
      this.#block({ name: paxName, type: 'x', size: this.#pax.length });
      this.#out.raw(this.#pax.view());
      this.#out.raw(zeros.subarray(0, padding(this.#pax.length)));
    }
    const plainTime = member.mtimeSeconds >= 0 && member.mtimeSeconds <= 0o77777777777;
    this.#block({
      name: map === null ? member.path : sparseName,
      type: member.type,
      size: storedBytes > 0o77777777777 ? 0 : storedBytes,
      mode: member.mode,
      uid: member.uid > 0o7777777 ? 0 : member.uid,
      gid: member.gid > 0o7777777 ? 0 : member.gid,
      mtime: plainTime ? member.mtimeSeconds : 0,
      link: member.linkPath,
      major: member.rdevMajor,
      minor: member.rdevMinor,
    });
    return this.#out.view();
  }

  #records(member: TarMember, storedBytes: number): void {
    const { path, linkPath } = member;
    if (!isSafeText(path) || (linkPath !== null && !isSafeText(linkPath))) {
      this.#record('hdrcharset', 'BINARY');
    }
    if (member.ranges === null && !asciiName(path)) this.#record('path', path);
    if (linkPath !== null && !asciiName(linkPath)) this.#record('linkpath', linkPath);
    if (storedBytes > 0o77777777777) this.#record('size', String(storedBytes));
    if (member.uid > 0o7777777) this.#record('uid', String(member.uid));
    if (member.gid > 0o7777777) this.#record('gid', String(member.gid));
    const { mtimeSeconds: seconds, mtimeNanoseconds: nanoseconds } = member;
    if (nanoseconds !== 0 || seconds < 0 || seconds > 0o77777777777) {
      this.#record('mtime', decimalTime(seconds, nanoseconds));
    }
    if (member.ranges !== null) {
      this.#record('GNU.sparse.major', '1');
      this.#record('GNU.sparse.minor', '0');
      this.#record('GNU.sparse.name', path);
      this.#record('GNU.sparse.realsize', String(member.size));
    }
    if ((member.flags & inodeFlags) !== 0) {
      const names = flagNames.filter(([, flag]) => (member.flags & flag) !== 0).map(([name]) => name);
      this.#record('SCHILY.fflags', names.join(','));
    }
    if (member.xattrs.length > 0) this.#attributes(member.xattrs);
  }

  #attributes(xattrs: readonly Xattr[]): void {
    for (const { name, value } of xattrs) {
      const plain = name.toString('latin1');
      const kind = plain.startsWith('system.posix_acl_') ? plain.slice('system.posix_acl_'.length) : null;
      const text = kind === null ? null : aclText(value);
      if (text !== null) this.#record(`SCHILY.acl.${kind}`, text);
    }
    for (const { name, value } of xattrs) {
      const plain = name.toString('latin1');
      if (this.#pax.length + name.length + value.length > paxLimitBytes) {
        this.omitted.push(plain);
        continue;
      }
      const escaped = plain.replaceAll('%', '%25').replaceAll('=', '%3D');
      this.#record(`SCHILY.xattr.${escaped}`, value);
    }
  }

  /** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. The key is latin1: one character, one byte. */
  #record(key: string, value: string | Buffer): void {
    const rest = key.length + value.length + 3;
    let length = rest + String(rest).length;
    if (String(length).length !== String(rest).length) length = rest + String(length).length;
    this.#pax.raw(Buffer.from(`${length} ${key}=`, 'latin1'));
    this.#pax.raw(typeof value === 'string' ? Buffer.from(value, 'latin1') : value);
    this.#pax.byte(0x0a);
  }

  #block(field: Block): void {
    const block = scratch;
    block.fill(0);
    field.name.copy(block, 0, 0, Math.min(100, field.name.length));
    octal(block, field.mode ?? 0o644, 100, 7);
    octal(block, field.uid ?? 0, 108, 7);
    octal(block, field.gid ?? 0, 116, 7);
    octal(block, field.size, 124, 11);
    octal(block, field.mtime ?? 0, 136, 11);
    block.fill(0x20, 148, 156);
    block.write(field.type, 156, 'latin1');
    if (field.link) field.link.copy(block, 157, 0, Math.min(100, field.link.length));
    block.write('ustar\x0000', 257, 'latin1');
    octal(block, field.major ?? 0, 329, 7);
    octal(block, field.minor ?? 0, 337, 7);
    let checksum = 0;
    for (let i = 0; i < blockBytes; i++) checksum += block[i]!;
    octal(block, checksum, 148, 6);
    block[154] = 0;
    this.#out.raw(block);
  }
}

interface Block {
  readonly name: Buffer;
  readonly type: string;
  readonly size: number;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly link?: Buffer | null;
  readonly major?: number;
  readonly minor?: number;
}

const scratch = Buffer.alloc(blockBytes);
const zeros = Buffer.alloc(blockBytes);
const paxName = Buffer.from('././@PaxHeader');
const sparseName = Buffer.from('GNUSparseFile.0/data');
/** Two zero blocks. */
export const endOfArchive = Buffer.alloc(2 * blockBytes);

function octal(block: Buffer, value: number, at: number, digits: number): void {
  block.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
}

function sum(ranges: readonly DataRange[]): number {
  let total = 0;
  for (const range of ranges) total += range.length;
  return total;
}

/** Seconds since 1970 with nine digits; -2 s and 0.25e9 ns is -1.750000000. */
export function decimalTime(seconds: number, nanoseconds: number): string {
  if (seconds >= 0) return `${seconds}.${String(nanoseconds).padStart(9, '0')}`;
  if (nanoseconds === 0) return `${seconds}.000000000`;
  return `-${-seconds - 1}.${String(1_000_000_000 - nanoseconds).padStart(9, '0')}`;
}
