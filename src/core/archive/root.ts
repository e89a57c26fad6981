/**
 * The root of an index: its trees, the objects its extents point into, and where each page lies.
 *
 * Pure encoding and decoding; docs/format.md, section 4. Decoded paths and hashes are views into the
 * decompressed root, which therefore lives as long as they do.
 */

import { hash } from 'node:crypto';
import { payloadStart } from '../age/header.ts';
import { HoldfastError } from '../errors.ts';
import { quoted } from '../printable.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { parseObjectKey } from './keys.ts';

const rootVersion = 1;
export const objectKinds = { segment: 0, index: 1, export: 2 } as const;

export interface FrameSizes {
  readonly compressed: number;
  readonly plain: number;
}

/** How an encrypted object opens: docs/format.md, section 8. */
export interface ObjectSeal {
  readonly epoch: number;
  /** Its file key for the owner's epoch, 80 bytes. */
  readonly sealed: Uint8Array;
}

export interface ObjectRow {
  readonly number: number;
  readonly key: string;
  readonly kind: number;
  readonly storedBytes: number;
  readonly sha256: Buffer;
  readonly frames: readonly FrameSizes[];
  /** Absent where the object is stored as it is. */
  readonly seal?: ObjectSeal;
}

export interface PageRow {
  readonly object: number;
  readonly offset: number;
  readonly length: number;
  readonly plainBytes: number;
  readonly count: number;
  readonly digest: Buffer;
  readonly first: Buffer;
}

export interface LinkPageRow extends Omit<PageRow, 'first'> {
  readonly firstDevice: number;
  readonly firstInode: bigint;
}

export interface TreeRow {
  readonly name: string;
  readonly device: number;
}

export interface Root {
  readonly trees: readonly TreeRow[];
  readonly objects: readonly ObjectRow[];
  readonly pages: readonly PageRow[];
  readonly linkPages: readonly LinkPageRow[];
}

const noSeal = Buffer.alloc(0);

export function encodeRoot(root: Root): Buffer {
  const out = new ByteWriter(65536);
  out.varint(rootVersion);
  out.varint(root.trees.length);
  for (const tree of root.trees) {
    out.bytes(Buffer.from(tree.name));
    out.varint(tree.device);
  }
  out.varint(root.objects.length);
  for (const object of root.objects) {
    out.varint(object.number);
    out.bytes(Buffer.from(object.key));
    out.varint(object.kind);
    out.varint(object.seal?.epoch ?? 0);
    out.varint(object.storedBytes);
    out.raw(object.sha256);
    out.varint(object.seal === undefined ? 0 : payloadStart);
    out.bytes(object.seal?.sealed ?? noSeal);
    out.varint(object.frames.length);
    for (const frame of object.frames) {
      out.varint(frame.compressed);
      out.varint(frame.plain);
    }
  }
  let previous: Buffer = Buffer.alloc(0);
  out.varint(root.pages.length);
  for (const page of root.pages) {
    writePlace(out, page);
    const shared = sharedBytes(previous, page.first);
    out.varint(shared);
    out.bytes(page.first.subarray(shared));
    previous = page.first;
  }
  out.varint(root.linkPages.length);
  for (const page of root.linkPages) {
    writePlace(out, page);
    out.varint(page.firstDevice);
    out.varint64(page.firstInode);
  }
  return out.copy();
}

function writePlace(out: ByteWriter, page: Omit<PageRow, 'first'>): void {
  out.varint(page.object);
  out.varint(page.offset);
  out.varint(page.length);
  out.varint(page.plainBytes);
  out.varint(page.count);
  out.raw(page.digest);
}

const noObject = (key: string): HoldfastError =>
  new HoldfastError(
    'OBJECT_DAMAGED',
    `an index root names ${quoted(key)}, which is no object of a snapshot`,
    {
      hint: 'Run `holdfast verify` to see which snapshots are affected, and restore from another one.',
    },
  );

/**
 * @throws FORMAT_UNSUPPORTED written by a newer version
 * @throws OBJECT_DAMAGED cut short, or naming what is no object
 */
export function decodeRoot(plain: Buffer): Root {
  const from = new ByteReader(plain);
  const version = from.varint();
  if (version !== rootVersion) {
    throw new HoldfastError(
      'FORMAT_UNSUPPORTED',
      `index root has version ${version}, known is ${rootVersion}`,
      {
        hint: 'Use the Holdfast release that wrote this store, or a newer one.',
      },
    );
  }
  const trees: TreeRow[] = [];
  for (let n = from.varint(); n > 0; n--)
    trees.push({ name: from.bytes().toString(), device: from.varint() });
  const objects: ObjectRow[] = [];
  for (let n = from.varint(); n > 0; n--) {
    const number = from.varint();
    const key = from.bytes().toString();
    if (parseObjectKey(key) === null) throw noObject(key);
    const kind = from.varint();
    const epoch = from.varint();
    const storedBytes = from.varint();
    const sha256 = from.raw(32);
    from.varint(); // payload start, the same in all objects of one kind
    const sealed = from.bytes();
    const seal = sealed.length === 0 ? {} : { seal: { epoch, sealed } };
    const frames: FrameSizes[] = [];
    for (let f = from.varint(); f > 0; f--) frames.push({ compressed: from.varint(), plain: from.varint() });
    objects.push({ number, key, kind, storedBytes, sha256, frames, ...seal });
  }
  const pages: PageRow[] = [];
  let path: Buffer = Buffer.alloc(0);
  for (let n = from.varint(); n > 0; n--) {
    const place = readPlace(from);
    path = Buffer.concat([path.subarray(0, from.varint()), from.bytes()]);
    pages.push({ ...place, first: path });
  }
  const linkPages: LinkPageRow[] = [];
  for (let n = from.varint(); n > 0; n--) {
    linkPages.push({ ...readPlace(from), firstDevice: from.varint(), firstInode: from.varint64() });
  }
  return { trees, objects, pages, linkPages };
}

function readPlace(from: ByteReader): Omit<PageRow, 'first'> {
  return {
    object: from.varint(),
    offset: from.varint(),
    length: from.varint(),
    plainBytes: from.varint(),
    count: from.varint(),
    digest: from.raw(32),
  };
}

/** SHA-256 over the digests of all pages in order; independent of where content lies. */
export function contentRoot(root: Root): Buffer {
  const digests = [...root.pages, ...root.linkPages].map((page) => page.digest);
  return hash('sha256', Buffer.concat(digests), 'buffer');
}

const tailMagic = 'HFINDEX1';

/** The skippable frame that ends an index object and says where its root is. */
export function encodeTail(rootOffset: number, rootLength: number): Buffer {
  const tail = Buffer.alloc(32);
  tail.writeUInt32LE(0x184d2a5d, 0);
  tail.writeUInt32LE(24, 4);
  tail.write(tailMagic, 8, 'latin1');
  tail.writeBigUInt64LE(BigInt(rootOffset), 16);
  tail.writeUInt32LE(rootLength, 24);
  return tail;
}

function sharedBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  let i = 0;
  while (i < shorter && a[i] === b[i]) i++;
  return i;
}
