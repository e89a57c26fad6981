/**
 * Names of objects: made here, parsed here, nowhere else. docs/format.md, section 1.
 */

import { createHash } from 'node:crypto';

import type { Level } from '../contracts/provider.ts';

export type SnapshotState = 'complete' | 'partial';
export const storeFileKey = 'holdfast.json';

/**
 * The highest numbers that names hold. What is beyond is no name of ours: whoever can put objects could otherwise
 * have us count on from a number that no longer tells itself from the next.
 */
export const highestSequence = 99_999_999;
export const highestEpoch = 99_999;
export const highestRevision = 99_999;

export interface ManifestName {
  readonly server: string;
  readonly owner: string;
  readonly sequence: number;
  /** Whole seconds, as milliseconds since the epoch. */
  readonly atMs: number;
  readonly level: Level;
  readonly state: SnapshotState;
  readonly id: string;
  readonly revision: number;
}

/** `20261121T031500Z` */
export function compactUtc(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

const fiveDigits = (number: number): string => String(number).padStart(5, '0');

/** @throws TypeError a name cannot hold it; nothing is ever written under another number */
function numeral(number: number, lowest: number, highest: number): string {
  if (Number.isInteger(number) && number >= lowest && number <= highest) return String(number);
  throw new TypeError(`a name holds numbers from ${lowest} to ${highest}, not ${number}`);
}

/** Appended to the keys of data and index objects that are encrypted. */
export const ageSuffix = '.age';

export const segmentKey = (server: string, owner: string, objectId: string, number: number): string =>
  `data/${server}/${owner}/${objectId}-${fiveDigits(number)}.tar.zst`;

export const exportKey = (
  server: string,
  owner: string,
  objectId: string,
  number: number,
  format: 'sql' | 'pgdump',
): string => `data/${server}/${owner}/${objectId}-${fiveDigits(number)}.${format}.zst`;

export const indexKey = (server: string, owner: string, objectId: string): string =>
  `index/${server}/${owner}/${objectId}.idx`;

export const runKey = (server: string, atMs: number, id: string): string =>
  `runs/${server}/${compactUtc(atMs)}-${id}.json`;

export function manifestKey(name: ManifestName): string {
  const revision = name.revision === 0 ? '' : `-r${numeral(name.revision, 1, highestRevision)}`;
  const sequence = numeral(name.sequence, 0, highestSequence).padStart(8, '0');
  return `manifests/${name.server}/${name.owner}/${sequence}-${compactUtc(name.atMs)}-${name.level}-${name.state}-${name.id}${revision}.manifest`;
}

const pattern =
  /^manifests\/([^/]+)\/([^/]+)\/(\d{8})-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-(full|differential|incremental)-(complete|partial)-([0-9a-f]{12})(?:-r([1-9]\d{0,4}))?\.manifest$/;

/** Null where the key is no manifest's. */
export function parseManifestKey(key: string): ManifestName | null {
  const m = pattern.exec(key);
  if (m === null) return null;
  const [, server, owner, sequence, year, month, day, hour, minute, second, level, state, id, revision] = m;
  return {
    server: server!,
    owner: owner!,
    sequence: Number(sequence),
    atMs: Date.UTC(+year!, +month! - 1, +day!, +hour!, +minute!, +second!),
    level: level as Level,
    state: state as SnapshotState,
    id: id!,
    revision: Number(revision ?? 0),
  };
}

export interface ObjectKeyName {
  readonly class: 'data' | 'index';
  readonly server: string;
  readonly owner: string;
  /** 32 hex digits of the snapshot that wrote it. */
  readonly objectId: string;
}

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** Expressions, for schemas as well, of the keys that manifests name; the digits are those of an object's number, at most 2^31. */
export const dataKeyPattern = `^data/(${uuid})/(${uuid})/([0-9a-f]{32})-\\d{5,10}\\.(?:tar|sql|pgdump)\\.zst(?:\\.age)?$`;
export const indexKeyPattern = `^index/(${uuid})/(${uuid})/([0-9a-f]{32})\\.idx(?:\\.age)?$`;
const objectPatterns = { data: new RegExp(dataKeyPattern), index: new RegExp(indexKeyPattern) };

/** Of a segment, an export or an index; null where the key is none of theirs. */
export function parseObjectKey(key: string): ObjectKeyName | null {
  const kind = key.startsWith('index/') ? 'index' : 'data';
  const m = objectPatterns[kind].exec(key);
  if (m === null) return null;
  const [, server, owner, objectId] = m;
  return { class: kind, server: server!, owner: owner!, objectId: objectId! };
}

export interface EventName {
  readonly server: string;
  readonly owner: string;
  /** Whole seconds, as milliseconds since the epoch. */
  readonly atMs: number;
  readonly kind: string;
  readonly id: string;
}

export const eventKey = ({ server, owner, atMs, kind, id }: EventName): string =>
  `events/${server}/${owner}/${compactUtc(atMs)}-${kind}-${id}.json`;

const eventPattern = new RegExp(
  `^events/(${uuid})/(${uuid})/(\\d{4})(\\d\\d)(\\d\\d)T(\\d\\d)(\\d\\d)(\\d\\d)Z-([a-z]+)-([0-9a-f]{12})\\.json$`,
);

/** Null where the key is no event's. */
export function parseEventKey(key: string): EventName | null {
  const m = eventPattern.exec(key);
  if (m === null) return null;
  const [, server, owner, year, month, day, hour, minute, second, kind, id] = m;
  const atMs = Date.UTC(+year!, +month! - 1, +day!, +hour!, +minute!, +second!);
  return { server: server!, owner: owner!, atMs, kind: kind!, id: id! };
}

export interface OwnerKeyName {
  readonly server: string;
  readonly owner: string;
  readonly epoch: number;
  /** 0 at first, one more each time the private half is encrypted to other recipients. */
  readonly revision: number;
  /** Eight hex digits that tell two key pairs of one epoch apart: the beginning of SHA-256 of the public half. */
  readonly pair: string;
}

export const ownerKeyKey = ({ server, owner, epoch, revision, pair }: OwnerKeyName): string =>
  `keys/${server}/${owner}/${numeral(epoch, 1, highestEpoch).padStart(5, '0')}-${numeral(revision, 0, highestRevision)}-${pair}.age`;

const ownerKeyPattern = new RegExp(
  `^keys/(${uuid})/(${uuid})/(?!00000)(\\d{5})-(0|[1-9]\\d{0,4})-([0-9a-f]{8})\\.age$`,
);

/** Null where the key is no key object's. */
export function parseOwnerKeyKey(key: string): OwnerKeyName | null {
  const m = ownerKeyPattern.exec(key);
  if (m === null) return null;
  const [, server, owner, epoch, revision, pair] = m;
  return { server: server!, owner: owner!, epoch: Number(epoch), revision: Number(revision), pair: pair! };
}

/** Names as file names and in keys: everything but `[A-Za-z0-9_.-]` percent-encoded, bytes as UTF-8. */
export function encodeName(name: string): string {
  let out = '';
  for (const byte of Buffer.from(name)) {
    const char = String.fromCharCode(byte);
    out += /[A-Za-z0-9_.-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out === '.' || out === '..' ? out.replaceAll('.', '%2E') : out;
}

/** Bytes of a name and of a shortened one; endings come on top, and most file systems end at 255. */
const longestName = 200;
const keptOfName = 180;

/** The base of the file with one dump of several databases. */
export const jointFileName = '_joint';

/**
 * A database's name as the base of a file's name: encoded, its dots as well, and one that would be too long cut and told
 * apart by its hash. So `shop.grants` is no name of a text beside `shop`, and no database is taken for a joint dump.
 */
export function encodeFileName(name: string): string {
  const encoded = encodeName(name).replaceAll('.', '%2E');
  return encoded === jointFileName ? `%5F${jointFileName.slice(1)}` : shortened(encoded, name);
}

/** A name as that of a directory: encoded, and cut in the same way. */
export const encodeDirectoryName = (name: string): string => shortened(encodeName(name), name);

const shortened = (encoded: string, name: string): string =>
  encoded.length <= longestName
    ? encoded
    : `${encoded.slice(0, keptOfName)}~${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
