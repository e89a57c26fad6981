/**
 * Files that change under the reader. The change happens at a chosen moment (when the attributes of a
 * certain entry are read), so that every case is met in every run.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Entry,
  entryFlags,
  fileType,
  type LinkRecord,
  typeOf,
} from '../../../../src/core/archive/entry.ts';
import { decompressPart, readLinkPage, readPage } from '../../../../src/core/archive/page-reader.ts';
import { pageTargetBytes } from '../../../../src/core/archive/pages.ts';
import { endOfArchive } from '../../../../src/core/archive/tar.ts';
import { systemXattrs } from '../../../../src/core/filesystem/xattrs.ts';
import { AccountCapture } from '../../../../src/core/jobs/capture/account-capture.ts';
import { newControl } from '../../../../src/core/jobs/capture/job-control.ts';
import type { FromWorker } from '../../../../src/core/jobs/capture/messages.ts';
import { type MountedFilesystem, mountFilesystem } from '../../../support/filesystems.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-moving-'));
let tree = '';
let count = 0;
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => {
  tree = join(directory, String(count++));
  mkdirSync(tree);
});

interface Captured {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly records: readonly LinkRecord[];
  readonly warnings: readonly string[];
  readonly tar: Buffer;
}

/**
 * Captures `tree` as `t`; `meanwhile` runs each time the attributes of the entry of that name are read, `checkStop` once
 * a directory was looked at, before its names are listed.
 */
function capture(
  meanwhile: Readonly<Record<string, () => void>>,
  now = Date.now,
  checkStop = () => {},
): Captured {
  const messages: FromWorker[] = [];
  const frames: Buffer[] = [];
  const xattrs: typeof systemXattrs = {
    ...systemXattrs,
    read(subject) {
      const link = typeof subject === 'number' ? `/proc/self/fd/${subject}` : subject.toString().slice(0, -1);
      const name = readlinkSync(link).slice(tree.length + 1);
      const found = systemXattrs.read(subject);
      meanwhile[name]?.();
      return found;
    },
  };
  const control = newControl(1);
  const outlet = {
    send: (message: FromWorker) => void messages.push(message),
    sendBytes: (_job: number, _number: number, bytes: Buffer) => void frames.push(Buffer.from(bytes)),
    wantsHandOver: () => false,
    claimHandOver: () => false,
    checkStop,
  };
  const trees = [{ name: 't', path: tree, device: 0, exclude: [] }];
  const job = new AccountCapture({ job: 1, trees, parent: null }, control, outlet, {
    xattrs,
    now,
    pageBytes: pageTargetBytes,
  });
  const startedAtMs = Date.now();
  job.task(0, '');
  job.finish({ directories: [], linked: [], keptLinks: new Map(), startedAtMs });
  const pages = messages.flatMap((message) => (message.type === 'page' ? [message.page] : []));
  const linkPages = messages.flatMap((message) => (message.type === 'link-page' ? [message.page] : []));
  const plain = ({ frame, plainBytes }: (typeof pages)[number]) => decompressPart(frame, plainBytes, 'page');
  const entries = pages.flatMap((page) => [...readPage(plain(page), page.digest)]);
  return {
    entries: new Map(entries.map((entry) => [entry.path.toString(), entry])),
    records: linkPages.flatMap((page) => [...readLinkPage(plain(page), page.digest)]),
    warnings: messages.flatMap((message) =>
      message.type === 'warning' ? [`${message.warning.code} ${message.warning.path}`] : [],
    ),
    tar: Buffer.concat(frames.slice(0, -1).map((frame) => zstdDecompressSync(frame))),
  };
}

/** Content by the entry's extents, holes left out. */
function contentOf({ tar }: Captured, content: Entry['content']): string {
  const pieces = (content?.extents ?? []).map(({ tarOffset, length }) =>
    tar.subarray(tarOffset, tarOffset + length),
  );
  return Buffer.concat(pieces).toString();
}

/** What GNU tar, which knows nothing of the index, makes of the member. */
const extracted = ({ tar }: Captured, name: string): string =>
  spawnSync('tar', ['-xOf', '-', name], { input: tar, maxBuffer: tar.length }).stdout.toString().slice(-200);

const file = (name: string): string => join(tree, name);
const isChanged = (entry: Entry | undefined): boolean => ((entry?.flags ?? 0) & entryFlags.changed) !== 0;

describe.each([
  ['small', 100],
  ['large', 3 * 1024 * 1024],
])('a %s file', (_, size) => {
  beforeEach(() => writeFileSync(file('log'), 'x'.repeat(size)));

  it('that grows once while it is read is captured again, and the last copy wins', () => {
    let grown = 0;
    const captured = capture({ log: () => grown++ === 0 && appendFileSync(file('log'), 'more') });
    const entry = captured.entries.get('t/log');

    expect(captured.warnings).toEqual([]);
    expect(isChanged(entry)).toBe(false);
    expect(entry?.content?.size).toBe(size + 4);
    expect(contentOf(captured, entry!.content)).toBe(`${'x'.repeat(size)}more`);
    expect(extracted(captured, 't/log')).toMatch(/^x+more$/);
  });

  it('that never stops growing is captured twice and marked as changed', () => {
    const captured = capture({ log: () => appendFileSync(file('log'), 'more') });
    const entry = captured.entries.get('t/log');

    expect(captured.warnings).toEqual(['changed log']);
    expect(isChanged(entry)).toBe(true);
    expect(entry?.content?.size).toBe(size + 4);
  });

  it('that shrinks keeps its place in the tar: the rest is zeros, and what follows is whole', () => {
    let length = size;
    writeFileSync(file('next'), 'after the one that shrank');
    const captured = capture({
      log: () => {
        length -= 10;
        truncateSync(file('log'), length);
      },
    });
    const entry = captured.entries.get('t/log');

    expect(captured.warnings).toEqual(['changed log']);
    expect(contentOf(captured, entry!.content)).toBe('x'.repeat(size - 20) + '\0'.repeat(10));
    expect(extracted(captured, 't/next')).toBe('after the one that shrank');
    expect(captured.tar.subarray(-1024)).toEqual(endOfArchive);
  });
});

describe('an entry that is gone or another when its turn comes', () => {
  beforeEach(() => {
    for (const name of ['a', 'b', 'c']) writeFileSync(file(name), name);
  });

  it('is left out with a warning where it vanished', () => {
    const captured = capture({ a: () => unlinkSync(file('b')) });

    expect([...captured.entries.keys()]).toEqual(['t', 't/a', 't/c']);
    expect(captured.warnings).toEqual(['vanished b']);
  });

  it('is what it is now where a link took the place of a directory, whose target is not entered', () => {
    mkdirSync(file('d'));
    mkdirSync(file('d/inner'));
    const captured = capture({
      a: () => {
        renameSync(file('d'), join(directory, 'moved-away'));
        symlinkSync(directory, file('d'));
      },
    });

    expect([...captured.entries.keys()]).toEqual(['t', 't/a', 't/b', 't/c', 't/d']);
    expect(typeOf(captured.entries.get('t/d')!)).toBe(fileType.link);
  });

  it('costs only itself where a directory is renamed while it is walked', () => {
    mkdirSync(file('d'));
    for (const name of ['1', '2']) writeFileSync(file(`d/${name}`), name);
    const captured = capture({ 'd/1': () => renameSync(file('d'), file('renamed')) });

    expect([...captured.entries.keys()].slice(-3)).toEqual(['t/d', 't/d/1', 't/d/2']);
    expect(captured.warnings).toEqual([]);
  });
});

describe('a file with several names', () => {
  beforeEach(() => {
    writeFileSync(file('a'), 'shared');
    linkSync(file('a'), file('b'));
    writeFileSync(file('z'), 'last');
  });

  it('is read through its second name where the first has become another file', () => {
    const captured = capture({
      z: () => {
        unlinkSync(file('a'));
        writeFileSync(file('a'), 'another');
      },
    });

    expect(captured.records.map(({ path }) => path.toString())).toEqual(['t/b']);
    expect(contentOf(captured, captured.records[0]!.content)).toBe('shared');
  });

  it('is named in a warning by each of its names where it changed after the walk met it', () => {
    const captured = capture({ z: () => appendFileSync(file('a'), ' and more') });

    expect(contentOf(captured, captured.records[0]!.content)).toBe('shared and more');
    expect(captured.warnings).toEqual(['changed a', 'changed b']);
  });

  it('is named in a warning where it vanished under all its names', () => {
    const captured = capture({
      z: () => {
        unlinkSync(file('a'));
        unlinkSync(file('b'));
      },
    });

    expect(captured.records).toEqual([]);
    expect(captured.warnings).toEqual(['vanished a']);
  });

  it('is reached from the directory of the one before it, which stays open, and not from the root', () => {
    mkdirSync(file('d'));
    for (const name of ['1', '2']) {
      writeFileSync(file(`d/${name}`), name);
      linkSync(file(`d/${name}`), file(`d/${name}-too`));
    }
    let isWalked = false;
    const isOpen = (): boolean =>
      readdirSync('/proc/self/fd').some((fd) => {
        const link = `/proc/self/fd/${fd}`;
        return existsSync(link) && readlinkSync(link) === file('d');
      });
    const captured = capture({ z: () => (isWalked = true) }, Date.now, () => {
      if (isWalked && isOpen()) renameSync(file('d'), file('renamed'));
    });

    expect(existsSync(file('renamed'))).toBe(true);
    // Records are in the order of inode numbers, which the file system gives as it likes.
    expect(captured.records.map(({ path }) => path.toString()).sort()).toEqual(['t/a', 't/d/1', 't/d/2']);
    expect(captured.warnings).toEqual([]);
  });
});

describe('a number of an inode that is given to another file meanwhile', () => {
  let mounted: MountedFilesystem;
  beforeAll(() => {
    mounted = mountFilesystem('ext4', { mebibytes: 64 });
  });
  afterAll(() => mounted.unmount());

  it('joins the names of both, which then have no content rather than that of the other', () => {
    tree = join(mounted.path, String(count++));
    for (const name of ['a', 'm', 'z']) mkdirSync(file(name), { recursive: true });
    writeFileSync(file('a/old'), 'old');
    linkSync(file('a/old'), file('a/old-too'));
    const { ino } = statSync(file('a/old'));
    // Several ticks of the clock of files.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    const captured = capture({
      m: () => {
        for (const name of ['a/old', 'a/old-too']) unlinkSync(file(name));
        // The first free number is given to the next file.
        for (let i = 0; i < 100 && !readdirSync(file('z')).includes('new'); i++) {
          writeFileSync(file(`z/${i}`), 'new');
          if (statSync(file(`z/${i}`)).ino === ino) renameSync(file(`z/${i}`), file('z/new'));
        }
        linkSync(file('z/new'), file('z/new-too'));
      },
    });

    expect(captured.entries.get('t/a/old')?.inode).toBe(captured.entries.get('t/z/new')?.inode);
    expect(captured.records).toEqual([]);
    expect(captured.warnings).toEqual(['unstable a/old']);
    expect(extracted(captured, 't/z/new-too')).toBe('');
    expect(extracted(captured, 't/a/old')).toBe('');
  });

  it('of a file that came to be while it was read is nothing to worry about where the names are its own', () => {
    tree = join(mounted.path, String(count++));
    for (const name of ['m', 'z']) mkdirSync(file(name), { recursive: true });
    const captured = capture({
      m: () => {
        writeFileSync(file('z/new'), 'new');
        linkSync(file('z/new'), file('z/new-too'));
      },
    });

    expect(captured.records).toHaveLength(1);
    expect(captured.warnings).toEqual([]);
  });
});

describe('a file of 2^53 bytes and more, which is nearly all hole', () => {
  it('is left out with a warning, under one name and under several', () => {
    const mounted = mountFilesystem('tmpfs', { mebibytes: 1 });
    try {
      tree = mounted.path;
      for (const name of ['huge', 'linked']) {
        execFileSync('truncate', ['--size', String(2 ** 53), file(name)]);
      }
      linkSync(file('linked'), file('linked-too'));
      writeFileSync(file('small'), 'small');
      const captured = capture({});

      expect([...captured.entries.keys()].sort()).toEqual(['t', 't/linked', 't/linked-too', 't/small']);
      expect(captured.records).toEqual([]);
      expect(captured.warnings).toEqual(['unreadable huge', 'unreadable linked']);
    } finally {
      mounted.unmount();
    }
  });
});

describe('the racy mark', () => {
  const isRacy = (entry: Entry): boolean => (entry.flags & entryFlags.racy) !== 0;

  it.each([
    ['a file, which a slow write or a memory map changes without another time', 'a', 45_000],
    ['anything else', 'link', 2000],
  ])('is on what changed a moment before its capture, and on nothing older: %s', (_, name, youngMs) => {
    writeFileSync(file('a'), 'a');
    symlinkSync('a', file('link'));
    const racy = (aheadMs: number) =>
      isRacy(capture({}, () => Date.now() + aheadMs).entries.get(`t/${name}`)!);

    expect([0, youngMs - 1000, youngMs + 1000].map(racy)).toEqual([true, true, false]);
  });

  it.each([
    ['t', '', 1],
    ['t/sub', 'sub', 2],
  ])('goes by the clock of before %s was looked at, however long its names take', (path, name, turn) => {
    mkdirSync(file('sub'));
    let [reads, directories, aheadMs] = [0, 0, 0];
    // A change at the moment the clock is read must be seen.
    const now = (): number => {
      chmodSync(file(name), 0o700 + ++reads);
      return Date.now() + aheadMs;
    };
    const slow = (): void => {
      if (++directories === turn) aheadMs = 5000;
    };
    const entry = capture({}, now, slow).entries.get(path)!;

    expect([entry.mode & 0o777, isRacy(entry)]).toEqual([0o700 + turn, true]);
  });

  it('goes by the clock of before the attributes were read, however long they take', () => {
    writeFileSync(file('a'), 'a');
    let aheadMs = 0;
    const slow = (): void => {
      aheadMs = 5000;
    };

    expect(isRacy(capture({ a: slow }, () => Date.now() + aheadMs).entries.get('t/a')!)).toBe(true);
  });
});
