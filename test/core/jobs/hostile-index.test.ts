/** An index made by somebody else: paths that lead out, links under foot, extents that point nowhere. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Content, type Entry, entryFlags, fileType } from '../../../src/core/archive/entry.ts';
import { compressPart } from '../../../src/core/archive/frames.ts';
import { encodeManifest } from '../../../src/core/archive/manifest.ts';
import { type FinishedPage, PageWriter } from '../../../src/core/archive/pages.ts';
import { contentRoot, encodeRoot, encodeTail, type Root } from '../../../src/core/archive/root.ts';
import { openIndex } from '../../../src/core/jobs/index-reader.ts';
import { type Lab, openLab } from '../../support/backup.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-hostile-'));
const outside = join(directory, 'outside');
let lab: Lab;
let good: Entry;

/** Paths that no restore may follow; `shadow/link` is a link to `outside`. */
const paths = [
  'shadow/../../escape-1',
  '../escape-2',
  '/escape-3',
  '/tmp/holdfast-escape-4',
  'shadow//escape-5',
  'shadow/./escape-6',
  'shadow/name\0escape-7',
  'shadow/..',
  '..',
  '.',
  'shadow/',
  'shadow/link/escape-8',
  'shadow/link/inner/escape-9',
];

beforeAll(async () => {
  const tree = join(directory, 'tree');
  for (const path of [tree, outside]) mkdirSync(path);
  writeFileSync(join(directory, 'kept'), 'of the server');
  writeFileSync(join(tree, 'good'), 'good content');
  lab = await openLab(directory);
  await lab.backUp({ shadow: tree });
  await forge();
});
afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Adds a snapshot to the store whose seal is right and whose index is hostile. */
async function forge(): Promise<void> {
  const real = await lab.latest();
  const signal = new AbortController().signal;
  const reader = await openIndex(lab.provider, real, signal);
  good = (await reader.lookup(Buffer.from('shadow/good')))!;
  const pages = new PageWriter();
  for (const entry of hostileEntries()) pages.add(entry);
  const page = pages.finish() as FinishedPage;
  const number = 7;
  const id = 'f'.repeat(12);
  const key = `index/${real.header.server}/${real.header.owner}/${'f'.repeat(32)}.idx`;
  const own = { number, key, kind: 1, storedBytes: 0, sha256: Buffer.alloc(32), frames: [] };
  const row = { object: number, offset: 0, length: page.frame.length, plainBytes: page.plainBytes };
  const root: Root = {
    trees: [{ name: 'shadow', device: 0 }],
    objects: [...reader.root.objects, own],
    pages: [{ ...row, count: page.count, digest: page.digest, first: page.first }],
    linkPages: [],
  };
  const plain = encodeRoot(root);
  const frame = compressPart(plain);
  const bytes = Buffer.concat([page.frame, frame, encodeTail(page.frame.length, frame.length)]);
  writeFileSync(join(lab.storePath, key), bytes);
  const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
  const object = { number, key, kind: 'index' as const, size: bytes.length, sha256: sha256(bytes) };
  const index = {
    object: number,
    offset: page.frame.length,
    length: frame.length,
    plainBytes: plain.length,
    sha256: sha256(frame),
  };
  const startedAt = '2099-01-01T00:00:00.000Z';
  const header = { ...real.header, id, sequence: 2, startedAt, objects: [...real.header.objects, object] };
  const body = { ...real.body, index, contentRoot: contentRoot(root).toString('hex') };
  const name = `00000002-20990101T000000Z-full-complete-${id}.manifest`;
  writeFileSync(join(lab.storePath, dirname(real.key), name), encodeManifest({ header, body }, null));
}

function* hostileEntries(): Generator<Entry> {
  const file = (path: string, content: Content | null = good.content): Entry => ({
    ...good,
    path: Buffer.from(path, 'latin1'),
    content,
  });
  const { size, sha256, extents } = good.content!;
  const extent = extents[0]!;
  const pointing = (change: Partial<typeof extent>): Content => ({
    size,
    sha256,
    extents: [{ ...extent, ...change }],
  });
  yield file('shadow/0-good');
  yield { ...file('shadow/link', null), mode: fileType.link | 0o777, target: Buffer.from(outside) };
  for (const path of paths) yield file(path);
  yield { ...file('shadow/../../kept'), flags: entryFlags.noDump };
  for (const path of ['shadow/../up', 'shadow/link/below', '../beside']) {
    yield { ...file(path, null), mode: fileType.directory | 0o777 };
  }
  yield file('shadow/m1-beyond-the-object', pointing({ tarOffset: 2 ** 40 }));
  yield file('shadow/m2-unknown-object', pointing({ object: 999 }));
  yield file('shadow/m3-other-bytes', pointing({ tarOffset: extent.tarOffset + 1 }));
  yield file('shadow/m4-endless', { size: 2 ** 50, sha256, extents: [{ ...extent, length: 2 ** 50 }] });
  yield { ...file('shadow/m5-linked-to-nothing', null), flags: entryFlags.linked, inode: 4242n };
  yield file('shadow/z-good');
}

const everything = (): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /escape|beside|\bup\b|below/.test(name),
  );

describe.each([
  [
    'our restore',
    async (target: string) =>
      (await lab.restore(target)).failures.map(({ path, message }) => `${path}: ${message}`),
  ],
  [
    'rescue.py',
    async (target: string) =>
      (await lab.rescue('restore', 'latest', '--account', 'site1', '--to', target)).problems,
  ],
])('of a hostile index %s', (name, run) => {
  it('makes what is sound, names the rest, and writes nothing outside its target', async () => {
    const target = join(directory, name.replace(/\W/g, '-'));
    const failures = await run(target);

    expect(everything()).toEqual([]);
    expect(readdirSync(outside)).toEqual([]);
    expect(execFileSync('lsattr', [join(directory, 'kept')], { encoding: 'utf8' })).toMatch(/^[^d ]+ /);
    expect(() => readFileSync('/tmp/holdfast-escape-4')).toThrow('ENOENT');
    expect(readdirSync(target).filter((one) => !one.startsWith('.'))).toEqual(['shadow']);
    // rescue.py keeps what it can read of a damaged file, and says so.
    const made = readdirSync(join(target, 'shadow')).sort();
    const unnamed = made.filter((one) => !failures.some((line) => line.includes(`shadow/${one}`)));
    expect(unnamed.filter((one) => one !== 'm5-linked-to-nothing')).toEqual(['0-good', 'z-good']);
    expect(readFileSync(join(target, 'shadow/z-good'), 'utf8')).toBe('good content');
    for (const wrong of [
      'm1-beyond-the-object',
      'm2-unknown-object',
      'm3-other-bytes',
      'm4-endless',
      'escape-8',
      'escape-1',
    ]) {
      expect(failures.filter((line) => line.includes(wrong))).not.toEqual([]);
    }
  });
});

describe('verify of a hostile index', () => {
  it('names the extents that point nowhere and the content that is another', async () => {
    const { snapshots } = await lab.verify(true);
    const named = snapshots.flatMap(({ problems }) => problems.map(({ path }) => path));

    for (const wrong of ['m1-beyond-the-object', 'm2-unknown-object', 'm3-other-bytes', 'm4-endless']) {
      expect(named).toContain(`shadow/${wrong}`);
    }
  });
});
