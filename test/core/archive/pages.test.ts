import { describe, expect, it } from 'vitest';
import { eachContent } from '../../../src/core/archive/contents-of-page.ts';
import { comparePaths, type Entry, entryFlags, fileType, isWithin } from '../../../src/core/archive/entry.ts';
import { LinkPageWriter } from '../../../src/core/archive/link-page-writer.ts';
import { eachRecord, type PageCursor } from '../../../src/core/archive/page-cursor.ts';
import { decompressPart, readLinkPage, readPage } from '../../../src/core/archive/page-reader.ts';
import { type FinishedPage, PageWriter } from '../../../src/core/archive/pages.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const types = Object.values(fileType).filter((type) => type !== fileType.mask);

/** Entries as hostile as a file system can make them, the same for the same seed. */
function randomEntries(seed: number, count: number): Entry[] {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => 1 + below(255)));
  const big = (): number => Math.floor(random() * 2 ** below(54));
  let path: Buffer = Buffer.from('t');
  return Array.from({ length: count }, () => {
    path = Buffer.concat([path.subarray(0, below(path.length + 1)), bytes(1 + below(40))]);
    const type = types[below(types.length)]!;
    const linked = below(4) === 0 ? entryFlags.linked : 0;
    const xattrs = Array.from({ length: below(3) }, (_, i) => ({
      name: bytes(1 + i + below(30)),
      value: bytes(below(300)),
    }));
    const size = below(3) === 0 ? 0 : 1 + big();
    const extents = [0, 1].map((i) => ({
      offset: Math.floor(size / 2) * i,
      length: Math.floor(size / 2),
      object: below(300),
      tarOffset: big(),
    }));
    const regular = type === fileType.regular && linked === 0;
    const device = type === fileType.block || type === fileType.character;
    return {
      path,
      flags: linked | (xattrs.length > 0 ? entryFlags.xattrs : 0) | below(4),
      mode: type | below(0o10000),
      uid: below(2 ** 32 - 1),
      gid: below(2 ** 32 - 1),
      mtimeSeconds: big() - 2 ** 33,
      mtimeNanoseconds: below(1e9),
      ctimeSeconds: big(),
      ctimeNanoseconds: below(1e9),
      inode: BigInt(big()) * 2048n + 7n,
      xattrs,
      content: regular
        ? { size, sha256: size === 0 ? null : bytes(32), extents: size === 0 ? [] : extents }
        : null,
      target: type === fileType.link ? bytes(below(500)) : null,
      rdevMajor: device ? below(2 ** 12) : 0,
      rdevMinor: device ? below(2 ** 20) : 0,
    };
  });
}

/** Comparing buffers byte by byte takes seconds. */
const textOf = (page: FinishedPage | null): unknown => ({ ...page, frame: page?.frame.toString('base64') });

describe('a page', () => {
  it.each([1, 2, 3, 4, 5])('gives back exactly the entries that went in (seed %d)', (seed) => {
    const writer = new PageWriter();
    const entries = randomEntries(seed, 400);
    for (const entry of entries) writer.add(entry);
    const page = writer.finish()!;
    const plain = decompressPart(page.frame, page.plainBytes, 'page');

    expect([...readPage(plain, page.digest)]).toEqual(entries);
    expect(page.first).toEqual(entries[0]?.path);
    expect(page.count).toBe(400);
    // A writer that carries its state over into the next page would share bytes with nothing.
    writer.add(entries[0]!);
    const second = writer.finish()!;
    expect([...readPage(decompressPart(second.frame, second.plainBytes, 'page'), second.digest)]).toEqual([
      entries[0],
    ]);
    expect(writer.finish()).toBeNull();
  });

  it('tells the sizes and hashes of its contents alone', () => {
    const writer = new PageWriter();
    const entries = randomEntries(6, 400);
    for (const entry of entries) writer.add(entry);
    const page = writer.finish()!;
    const told: unknown[] = [];
    const plain = decompressPart(page.frame, page.plainBytes, 'page');
    eachContent(plain, (record, size, at) => told.push([record, size, plain.toString('hex', at, at + 32)]));

    expect(told).toEqual(
      entries.flatMap(({ content }, i) => {
        const start = content?.sha256?.toString('hex');
        return start === undefined ? [] : [[i, content!.size, start]];
      }),
    );
    expect(told.length).toBeGreaterThan(30);
  });

  it('tells no contents beyond what is there', () => {
    const writer = new PageWriter();
    for (const entry of randomEntries(6, 40)) writer.add(entry);
    const page = writer.finish()!;
    const plain = decompressPart(page.frame, page.plainBytes, 'page');
    // Cut short anywhere, or with any byte exchanged, it ends; and what is cut is told to be damaged.
    for (let length = 1; length < plain.length; length++) {
      const entriesEnd = 2 + (plain[0]! & 0x7f) + plain[1]! * 128;
      const read = () => eachContent(plain.subarray(0, length), () => {});
      if (length < entriesEnd)
        expect(read, `${length}`).toThrow(expect.objectContaining({ code: 'OBJECT_DAMAGED' }));
      else expect(read, `${length}`).not.toThrow();
    }
    for (let at = 0; at < plain.length; at++) {
      const other = Buffer.from(plain);
      other[at] = 0xff;
      try {
        eachContent(other, (record, size) => expect([record, size].every(Number.isFinite)).toBe(true));
      } catch (error) {
        expect(error).toMatchObject({ code: 'OBJECT_DAMAGED' });
      }
    }
  });

  it.each([1, 2])('is the same where its records are walked over and copied (seed %d)', (seed) => {
    const writer = new PageWriter();
    const entries = randomEntries(seed, 400);
    for (const entry of entries) writer.add(entry);
    const page = writer.finish()!;
    const plain = decompressPart(page.frame, page.plainBytes, 'page');
    const walked: Entry[] = [];
    const fields: unknown[] = [];

    eachRecord(plain, 0, 400, (record) => {
      const { path, inode, size, sha256, mtimeSeconds } = record;
      fields.push([path, inode, size, sha256, mtimeSeconds]);
      walked.push(record.entry());
      writer.copy(record);
    });

    expect(walked).toEqual(entries);
    expect(fields).toEqual(
      entries.map(({ path, inode, content, mtimeSeconds }) => {
        const { size, sha256 } = content ?? { size: 0, sha256: null };
        return [path.toString('latin1'), inode, size, sha256, mtimeSeconds];
      }),
    );
    expect(textOf(writer.finish())).toEqual(textOf(page));
    // Cut out of the middle, paths no longer share what came before them.
    eachRecord(plain, 150, 250, (record) => writer.copy(record));
    const middle = writer.finish()!;
    const copied = decompressPart(middle.frame, middle.plainBytes, 'page');
    expect([...readPage(copied, middle.digest)]).toEqual(entries.slice(150, 250));
    for (const entry of entries.slice(150, 250)) writer.add(entry);
    expect(textOf(writer.finish())).toEqual(textOf(middle));
    // What is looked at on the way changes nothing.
    let [seen, looked]: [number, FinishedPage | null] = [0, null];
    eachRecord(plain, 150, 250, (record) => {
      writer.copy(record);
      seen++;
      if (seen % 30 === 0) looked = writer.peek();
    });
    const { frame, plainBytes, digest } = looked!;
    expect([...readPage(decompressPart(frame, plainBytes, 'page'), digest)]).toEqual(entries.slice(150, 240));
    expect(textOf(writer.finish())).toEqual(textOf(middle));
    expect(writer.peek()).toBeNull();
  });

  it.each([1, 2, 3, 4, 5, 6])('is the same however its records came (seed %d)', (seed) => {
    const random = seededRandom(seed);
    const from = new PageWriter(16_384);
    const sources: Buffer[] = [];
    const close = (): void => {
      const page = from.finish();
      if (page !== null) sources.push(decompressPart(page.frame, page.plainBytes, 'page'));
    };
    const entries = randomEntries(seed, 400).map((entry, i) => {
      // Most files lie in one object, and paths are of any length.
      const extents = entry.content?.extents.map((one) => (i % 3 === 0 ? one : { ...one, object: 7 })) ?? [];
      const path = i % 50 < 5 ? Buffer.concat([entry.path, Buffer.alloc(i * 10, 'x')]) : entry.path;
      const content = entry.content === null ? null : { ...entry.content, extents };
      return { ...entry, path, content };
    });
    for (const entry of entries) {
      from.add(entry);
      if (from.full) close();
    }
    close();
    const [copies, adds] = [new PageWriter(8192), new PageWriter(8192)];
    let pages = 0;
    const compare = (isLast: boolean): void => {
      expect(copies.full).toBe(adds.full);
      if (!isLast && !adds.full) return;
      expect(textOf(copies.finish())).toEqual(textOf(adds.finish()));
      pages++;
    };
    let number = 0;
    const pass = (record: PageCursor): void => {
      const entry = entries[number++]!;
      const what = random();
      if (what < 0.1) return;
      const changed = { ...entry, mode: entry.mode ^ 1 };
      if (what < 0.2) copies.add(changed);
      else copies.copy(record);
      adds.add(what < 0.2 ? changed : entry);
      compare(false);
    };
    for (const plain of sources) eachRecord(plain, 0, 400, pass);
    compare(true);
    expect(number).toBe(400);
    expect(pages).toBeGreaterThan(5);
  });

  it('is the same where records came from pages of the same form in turns', () => {
    const entries = randomEntries(3, 100);
    const others = entries.map((entry) => ({ ...entry, mode: entry.mode ^ 1 }));
    const writer = new PageWriter();
    const [a, b] = [entries, others].map((from) => {
      for (const entry of from) writer.add(entry);
      const page = writer.finish()!;
      return decompressPart(page.frame, page.plainBytes, 'page');
    });
    for (let i = 0; i < 100; i++)
      eachRecord(i % 3 === 0 ? a! : b!, i, i + 1, (record) => writer.copy(record));
    const copied = textOf(writer.finish());
    for (let i = 0; i < 100; i++) writer.add((i % 3 === 0 ? entries : others)[i]!);

    expect(copied).toEqual(textOf(writer.finish()));
  });

  it('has a digest that covers every byte of its entries, and not where their content lies', () => {
    const [entry] = randomEntries(9, 60).filter(({ content }) => (content?.size ?? 0) > 10);
    const pageOf = (one: Entry) => {
      const writer = new PageWriter();
      writer.add(one);
      return writer.finish()!;
    };
    const elsewhere = { ...entry!, content: { ...entry!.content!, extents: [] } };

    expect(pageOf(elsewhere).digest).toEqual(pageOf(entry!).digest);
    expect(pageOf({ ...entry!, mode: entry!.mode ^ 1 }).digest).not.toEqual(pageOf(entry!).digest);
  });

  it('is refused where a byte differs, it is cut, or it is longer than announced', () => {
    const writer = new PageWriter();
    for (const entry of randomEntries(6, 50)) writer.add(entry);
    const page = writer.finish()!;
    const plain = decompressPart(page.frame, page.plainBytes, 'page');
    const flipped = Buffer.from(plain);
    flipped[100] = flipped[100]! ^ 1;

    expect(() => [...readPage(flipped, page.digest)]).toThrow('damaged');
    expect(() => [...readPage(plain.subarray(0, 200), null)]).toThrow('middle of a record');
    expect(() => decompressPart(page.frame, page.plainBytes - 1, 'page')).toThrow('damaged');
    expect(() => decompressPart(page.frame, page.plainBytes + 1, 'page')).toThrow('damaged');
    expect(() => decompressPart(page.frame, 2 ** 40, 'page')).toThrow('damaged');
  });

  it('whose entry claims more of the path before it than there is, is refused', () => {
    const entries = Buffer.from([9, 1, 0x61]);

    expect(() => [...readPage(Buffer.concat([Buffer.from([entries.length]), entries]), null)]).toThrow(
      'damaged',
    );
  });

  it('whose extents reach beyond the size of their file is refused', () => {
    const [entry] = randomEntries(7, 200).filter(({ content }) => (content?.size ?? 0) > 10);
    const { size, sha256 } = entry!.content!;
    const writer = new PageWriter();
    writer.add({
      ...entry!,
      content: { size, sha256, extents: [{ offset: 5, length: size, object: 0, tarOffset: 0 }] },
    });
    const page = writer.finish()!;

    expect(() => [...readPage(decompressPart(page.frame, page.plainBytes, 'page'), page.digest)]).toThrow(
      'damaged',
    );
  });
});

describe('a link page', () => {
  it('gives back inodes of 64 bits and contents with holes', () => {
    const content = {
      size: 100,
      sha256: Buffer.alloc(32, 1),
      extents: [{ offset: 50, length: 10, object: 3, tarOffset: 512 }],
    };
    const records = [1n, 2n ** 63n + 1n, 2n ** 64n - 1n].map((inode) => ({
      device: 2,
      inode,
      path: Buffer.from('t/\xff', 'latin1'),
      content,
    }));
    const writer = new LinkPageWriter();
    for (const record of records) writer.add(record);
    const page = writer.finish()!;

    expect([...readLinkPage(decompressPart(page.frame, page.plainBytes, 'page'), page.digest)]).toEqual(
      records,
    );
    expect([page.firstDevice, page.firstInode]).toEqual([2, 1n]);
  });
});

describe('the order of paths', () => {
  it('is by components: a directory comes before what is in it, and that before a longer name', () => {
    const paths = ['a', 'a/\x01', 'a/b', 'a/b/c', 'a/b!', 'a\x01', 'a.b', 'a0', 'b'].map((path) =>
      Buffer.from(path),
    );
    const byComponents = (a: Buffer, b: Buffer): number => {
      const [x, y] = [a, b].map((path) => path.toString('latin1').split('/'));
      for (let i = 0; i < Math.min(x!.length, y!.length); i++)
        if (x![i] !== y![i]) return x![i]! < y![i]! ? -1 : 1;
      return x!.length - y!.length;
    };

    for (const a of paths)
      for (const b of paths) expect(Math.sign(comparePaths(a, b))).toBe(Math.sign(byComponents(a, b)));
  });

  it('tells what lies below a path from what only begins like it', () => {
    const within = (path: string, ancestor: string) => isWithin(Buffer.from(path), Buffer.from(ancestor));

    expect([within('a/b', 'a'), within('a', 'a'), within('a', '')]).toEqual([true, true, true]);
    expect([within('ab', 'a'), within('a', 'a/b')]).toEqual([false, false]);
  });
});
