/** Which files the kernel is told of before they are read, on a file system of which nothing is in memory. */

import { execFileSync, spawn } from 'node:child_process';
import { closeSync, fsyncSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Entry, fileType } from '../../../../src/core/archive/entry.ts';
import { decompressPart } from '../../../../src/core/archive/page-reader.ts';
import { PageWriter, pageTargetBytes } from '../../../../src/core/archive/pages.ts';
import { listDirectory } from '../../../../src/core/filesystem/directory.ts';
import { c } from '../../../../src/core/filesystem/libc.ts';
import { DueFiles } from '../../../../src/core/jobs/capture/due-files.ts';
import type { ListedLevel } from '../../../../src/core/jobs/capture/levels.ts';
import { ParentPages } from '../../../../src/core/jobs/capture/parent-pages.ts';
import { askAhead, readFully } from '../../../../src/core/jobs/capture/read-ahead.ts';
import { type MountedFilesystem, mountFilesystem } from '../../../support/filesystems.ts';

const POSIX_FADV_DONTNEED = 4;
const bytes = 8192;
const names = Array.from({ length: 50 }, (_, index) => `file-${10 + index}`);
let mounted: MountedFilesystem;
let directory = -1;
let listed: readonly string[] = [];

const at = (name: string): string => join(mounted.path, name);
const resident = (name: string): number =>
  Number(
    execFileSync('fincore', ['--bytes', '--noheadings', '--output', 'RES', at(name)], { encoding: 'utf8' }),
  );
const inMemory = (): string[] => names.filter((name) => resident(name) > 0);

function forget(name: string): void {
  const fd = openSync(at(name), 'r');
  c['fadvise']!(fd, 0, 0, POSIX_FADV_DONTNEED);
  closeSync(fd);
}

const entryOf = (path: string, inode: number): Entry => ({
  path: Buffer.from(path),
  flags: 0,
  mode: fileType.regular,
  uid: 0,
  gid: 0,
  mtimeSeconds: 0,
  mtimeNanoseconds: 0,
  ctimeSeconds: 0,
  ctimeNanoseconds: 0,
  inode: BigInt(inode),
  xattrs: [],
  content: { size: bytes, sha256: Buffer.alloc(32), extents: [] },
  target: null,
  rdevMajor: 0,
  rdevMinor: 0,
});

/** As `DueFiles` has the tree opened. */
const openTree = (): number => openSync(mounted.path, 'r');

const levelOf = (next = 0): ListedLevel => ({
  fd: directory,
  names: listed,
  prefix: '',
  depth: 0,
  prefixBytes: Buffer.alloc(0),
  takesAll: true,
  isNew: true,
  next,
  last: null,
  refused: false,
  ctimeSeconds: 0,
  ctimeNanoseconds: 0,
  asked: 0,
  askAgain: 0,
  judged: false,
  searched: 0,
  given: new Set(),
});

/** A read of `name` that seems to take a hundred milliseconds. */
function readSlowly(name: string): void {
  let now = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 100));
  const fd = openSync(at(name), 'r');
  expect(readFully(fd, Buffer.alloc(bytes), 0, bytes, 0)).toBe(bytes);
  closeSync(fd);
  clock.mockRestore();
  forget(name);
}

beforeAll(() => {
  mounted = mountFilesystem('ext4');
  for (const name of names) {
    const fd = openSync(at(name), 'w');
    writeSync(fd, Buffer.alloc(bytes, name));
    fsyncSync(fd);
    closeSync(fd);
  }
  execFileSync('mkfifo', [at('file-10.fifo')]);
  directory = openSync(mounted.path, 'r');
  listed = listDirectory(directory);
  names.forEach(forget);
});
afterEach(() => names.forEach(forget));
afterAll(() => {
  closeSync(directory);
  mounted.unmount();
});

describe('the kernel', () => {
  it('is asked for nothing while reads need not wait', () => {
    askAhead(levelOf(), () => true);

    expect(inMemory()).toEqual([]);
  });

  it('is asked for the next files after four reads that had to, and for more when half of them have been passed', async () => {
    for (let read = 0; read < 3; read++) readSlowly(names[0]!);
    askAhead(levelOf(), () => true);
    expect(inMemory()).toEqual([]);
    readSlowly(names[0]!);
    const level = levelOf();
    askAhead(level, (path) => path !== names[3]);

    await expect.poll(inMemory).toEqual(names.slice(0, 33).filter((name) => name !== names[3]));
    level.next = 10;
    askAhead(level, () => true);
    expect(inMemory()).toHaveLength(32);
    level.next = 18;
    askAhead(level, () => true);
    await expect.poll(inMemory).toEqual(names.filter((name) => name !== names[3]));
  });

  it('is asked for the files of a page that are due, and follows no link and no mount, and opens no FIFO', async () => {
    const page = new PageWriter(pageTargetBytes);
    const paths = ['beside/link/file-10', 'file-10.fifo', ...names.slice(0, 5), 'mounted/file-11'];
    const writer = spawn('sh', ['-c', `echo > '${at('file-10.fifo')}'`]);
    for (const path of paths.sort()) page.add(entryOf(`t/${path}`, paths.indexOf(path)));
    const { frame, plainBytes } = page.finish()!;
    const plain = decompressPart(frame, plainBytes, 'page');
    mkdirSync(at('beside'));
    symlinkSync('..', at('beside/link'));
    mkdirSync(at('mounted'));
    execFileSync('mount', ['--bind', mounted.path, at('mounted')]);
    const wanted = [names[1]!, names[3]!, 'beside/link/file-10', 'mounted/file-11', 'file-10.fifo'];
    const due = new DueFiles('t', openTree, (inode) => wanted.includes(paths[inode]!));
    for (let read = 0; read < 4; read++) readSlowly(names[0]!);
    due.ask(plain);
    due.close();
    execFileSync('umount', [at('mounted')]);

    await expect.poll(inMemory).toEqual([names[1], names[3]]);
    // Whoever waits for a reader of a FIFO still does.
    expect(writer.exitCode).toBe(null);
    writer.kill();
  });

  it('is asked for the due files of four pages more than the one that the walk comes to, and once for each', async () => {
    const pages = names.slice(0, 8).map((name, at) => {
      const page = new PageWriter(pageTargetBytes);
      page.add(entryOf(`t/${name}`, at));
      return page.finish()!;
    });
    const rows = pages.map(({ frame, plainBytes, count, digest, first }, at) => {
      const offset = pages.slice(0, at).reduce((sum, page) => sum + page.frame.length, 0);
      return {
        file: 0,
        offset,
        length: frame.length,
        plainBytes,
        count,
        digest,
        first: first.toString('latin1'),
      };
    });
    const file = { pages: [Buffer.concat(pages.map(({ frame }) => frame))], rows, linkRows: [] };
    const parent = new ParentPages(file);
    const due = new DueFiles('t', openTree, () => true);
    for (let read = 0; read < 4; read++) readSlowly(names[0]!);
    forget(names[0]!);
    due.comeTo(0, parent);
    await expect.poll(inMemory).toEqual(names.slice(0, 5));
    forget(names[1]!);
    due.comeTo(1, parent);
    await expect.poll(inMemory).toEqual([names[0], ...names.slice(2, 6)]);
    due.comeTo(6, parent);
    due.close();

    await expect.poll(inMemory).toEqual([names[0], ...names.slice(2, 8)]);
  });

  it('is not asked for ever', async () => {
    for (let asked = 0; asked < 600; asked += 32) askAhead(levelOf(), () => true);
    await expect.poll(() => inMemory().length).toBeGreaterThan(0);
    names.forEach(forget);
    askAhead(levelOf(), () => true);

    expect(inMemory()).toEqual([]);
  });
});

it('reads to the end of a file that became shorter', () => {
  writeFileSync(at('short'), 'abc');
  const fd = openSync(at('short'), 'r');
  const buffer = Buffer.alloc(10);

  expect(readFully(fd, buffer, 2, 8, 1)).toBe(2);
  expect(buffer.toString('latin1', 0, 5)).toBe('\0\0bc\0');
  closeSync(fd);
});
