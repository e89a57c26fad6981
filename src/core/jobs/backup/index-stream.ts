/**
 * The index object while it is written: pages as they come, pages of the parent that are referred to, and at
 * last the root that names them all.
 *
 * Parts of the parent's pages wait until all are known: where they make up the whole page again, with nothing
 * new between them, the page is referred to and the parts are dropped.
 */

import { createHash } from 'node:crypto';
import { AgeEncrypter } from '../../age/encrypter.ts';
import { comparePaths } from '../../archive/entry.ts';
import { compressPart } from '../../archive/frames.ts';
import type { ManifestBody } from '../../archive/manifest.ts';
import type { FinishedPage } from '../../archive/pages.ts';
import {
  contentRoot,
  encodeRoot,
  encodeTail,
  type LinkPageRow,
  objectKinds,
  type PageRow,
  type Root,
  type TreeRow,
} from '../../archive/root.ts';
import { ByteQueue } from '../../byte-queue.ts';
import type { PagePart } from '../capture/messages.ts';
import type { ParentSnapshot } from './parent-snapshot.ts';
import type { SnapshotWriter } from './snapshot-writer.ts';

interface Place {
  readonly page: Omit<FinishedPage, 'frame'>;
  readonly offset: number;
  readonly length: number;
}

interface HeldPart extends PagePart {
  readonly page: FinishedPage;
}

export class IndexStream {
  /** Parts of pages of the parent, held back. */
  readonly parts: HeldPart[] = [];
  readonly #begin: (body: ByteQueue) => void;
  readonly #body = new ByteQueue(() => {});
  readonly #pages: Place[] = [];
  readonly #linkPages: Place[] = [];
  readonly #reused: PageRow[] = [];
  readonly #reusedLinks: LinkPageRow[] = [];
  /** Numbers of the objects that pages refer to. */
  readonly #used = new Set<number>();
  readonly #hash = createHash('sha256');
  readonly #encrypter: AgeEncrypter | null;
  readonly #keep: (payload: Buffer) => void;
  /** Of the index itself, and of the object as stored. */
  #length = 0;
  #storedBytes = 0;

  /**
   * @param begin starts the object's put, with the first byte of it
   * @param publicKey 32 bytes of the owner's epoch; null stores the index plain
   * @param keep gets all that is written, before encryption
   */
  constructor(
    begin: (body: ByteQueue) => void,
    publicKey: Uint8Array | null = null,
    keep: (payload: Buffer) => void = () => {},
  ) {
    this.#begin = begin;
    this.#encrypter = publicKey === null ? null : new AgeEncrypter(publicKey);
    this.#keep = keep;
  }

  /** True where there is no page at all, own or referred to. */
  get isEmpty(): boolean {
    return this.#length === 0 && this.#reused.length === 0;
  }

  addPage(page: FinishedPage): void {
    this.#add(page, this.#pages);
  }

  addLinkPage(page: FinishedPage): void {
    this.#add(page, this.#linkPages);
  }

  reuse(row: PageRow, objects: readonly number[]): void {
    this.#reused.push(row);
    for (const number of objects) this.#used.add(number);
  }

  reuseLinks(row: LinkPageRow, objects: readonly number[]): void {
    this.#reusedLinks.push(row);
    for (const number of objects) this.#used.add(number);
  }

  fail(error: unknown): void {
    this.#body.fail(error);
  }

  /** Call it once, when no page comes any more. `rows` are the parent's pages. */
  joinParts(rows: readonly PageRow[]): void {
    const others = [...this.#pages.map(({ page }) => page.first), ...this.#reused.map(({ first }) => first)];
    others.sort(comparePaths);
    let next = 0;
    const ofRow = Map.groupBy(this.parts.splice(0), ({ row }) => row);
    for (const number of [...ofRow.keys()].sort((a, b) => a - b)) {
      const parts = ofRow.get(number)!.sort((a, b) => a.from - b.from);
      const { count } = rows[number]!;
      let covered = 0;
      for (const { from, page } of parts) covered = from === covered ? from + page.count : -1;
      const [first, last] = [parts[0]!.page.first, parts.at(-1)!.page.first];
      while (next < others.length && comparePaths(others[next]!, first) < 0) next++;
      const isWhole = covered === count && (next === others.length || comparePaths(others[next]!, last) > 0);
      if (isWhole) this.reuse(rows[number]!, [...new Set(parts.flatMap(({ page }) => page.objects))]);
      else for (const { page } of parts) this.addPage(page);
    }
  }

  #add(page: FinishedPage, places: Place[]): void {
    const { frame, ...rest } = page;
    for (const number of page.objects) this.#used.add(number);
    places.push({ page: rest, offset: this.#length, length: frame.length });
    this.#push(Buffer.from(frame.buffer, frame.byteOffset, frame.length));
  }

  #push(payload: Buffer): void {
    if (this.#length === 0) this.#begin(this.#body);
    this.#length += payload.length;
    this.#keep(payload);
    this.#store(this.#encrypter === null ? payload : this.#encrypter.push(payload));
  }

  #store(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#hash.update(bytes);
    this.#storedBytes += bytes.length;
    this.#body.push(bytes);
  }

  /** Writes root and tail. `number` is the object's own. */
  finish(
    trees: readonly TreeRow[],
    number: number,
    writer: SnapshotWriter,
    parent: Pick<ParentSnapshot, 'objects'> | null,
  ): { readonly index: NonNullable<ManifestBody['index']>; readonly contentRoot: string } {
    const root = this.#root(trees, number, writer, parent);
    const plain = encodeRoot(root);
    const frame = compressPart(plain);
    const offset = this.#length;
    this.#push(frame);
    this.#push(encodeTail(offset, frame.length));
    if (this.#encrypter !== null) this.#store(this.#encrypter.end());
    this.#body.end();
    writer.addIndex(number, this.#storedBytes, this.#hash.digest('hex'));
    const { seal } = writer.sealOf(this.#encrypter?.sealed ?? null);
    const sealed = seal === undefined ? {} : { sealed: Buffer.from(seal.sealed).toString('base64') };
    return {
      index: {
        object: number,
        offset,
        length: frame.length,
        plainBytes: plain.length,
        sha256: createHash('sha256').update(frame).digest('hex'),
        ...sealed,
      },
      contentRoot: contentRoot(root).toString('hex'),
    };
  }

  #root(
    trees: readonly TreeRow[],
    number: number,
    writer: SnapshotWriter,
    parent: Pick<ParentSnapshot, 'objects'> | null,
  ): Root {
    const place = ({ page, offset, length }: Place): Omit<PageRow, 'first'> => ({
      object: number,
      offset,
      length,
      plainBytes: page.plainBytes,
      count: page.count,
      digest: Buffer.from(page.digest),
    });
    const own: PageRow[] = this.#pages.map((one) => ({ ...place(one), first: Buffer.from(one.page.first) }));
    const ownLinks: LinkPageRow[] = this.#linkPages.map((one) => ({
      ...place(one),
      firstDevice: one.page.firstDevice,
      firstInode: one.page.firstInode,
    }));
    const pages = [...own, ...this.#reused].sort((a, b) => comparePaths(a.first, b.first));
    const linkPages = [...ownLinks, ...this.#reusedLinks].sort(compareLinkRows);
    for (const row of [...this.#reused, ...this.#reusedLinks]) this.#used.add(row.object);
    const self = {
      number,
      key: writer.indexKey(),
      kind: objectKinds.index,
      storedBytes: 0,
      sha256: Buffer.alloc(32),
      frames: [],
      ...writer.sealOf(this.#encrypter?.sealed ?? null),
    };
    const earlier = writer.refer(this.#used, parent);
    const objects = [...writer.rows, ...earlier, self].sort((a, b) => a.number - b.number);
    return { trees, objects, pages, linkPages };
  }
}

function compareLinkRows(a: LinkPageRow, b: LinkPageRow): number {
  return a.firstDevice - b.firstDevice || (a.firstInode < b.firstInode ? -1 : 1);
}
