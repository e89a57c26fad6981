/** Directories that have not changed are walked by the names that the parent has of them, and not listed. */

import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { comparePaths } from '../../../../src/core/archive/entry.ts';
import { decompressPart, readPage } from '../../../../src/core/archive/page-reader.ts';
import { type FinishedPage, PageWriter, pageTargetBytes } from '../../../../src/core/archive/pages.ts';
import { listAnew, plainName } from '../../../../src/core/filesystem/directory.ts';
import { AT_FDCWD, closeFd, O, openAt, zName } from '../../../../src/core/filesystem/native.ts';
import { systemXattrs } from '../../../../src/core/filesystem/xattrs.ts';
import { AccountCapture } from '../../../../src/core/jobs/capture/account-capture.ts';
import { newControl } from '../../../../src/core/jobs/capture/job-control.ts';
import type { Level } from '../../../../src/core/jobs/capture/levels.ts';
import type { CaptureParent, FromWorker } from '../../../../src/core/jobs/capture/messages.ts';
import { listAfterAll } from '../../../../src/core/jobs/capture/recorded-names.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-recorded-names-'));
const tree = join(directory, 'tree');
const at = (path: string): string => join(tree, path);
/** So that nothing counts as changed a moment ago. */
const now = (): number => Date.now() + 60_000;
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(tree, { recursive: true, force: true });
  for (const name of ['one/below', 'two']) mkdirSync(at(name), { recursive: true });
  for (const name of ['a', 'one/below/c', 'one/b', 'two/d', 'two/e']) writeFileSync(at(name), name);
});

type Given = Partial<Pick<CaptureParent, 'rereadEvery'>> & {
  readonly namesKnown?: boolean;
  /** What another worker has handed over; left out: the whole tree. */
  readonly task?: string;
};

/** Captures the tree as `t`. @returns what came of it, with the paths of all entries */
function capture(
  pages: readonly FinishedPage[] | null,
  { rereadEvery = 100_000, task = '', ...tellsNames }: Given = {},
) {
  const messages: FromWorker[] = [];
  const rows = (pages ?? []).map(({ frame, plainBytes, count, digest, first }) => {
    return {
      file: 0,
      offset: 0,
      length: frame.length,
      plainBytes,
      count,
      digest,
      first: first.toString('latin1'),
    };
  });
  const parent = { pages: [pages?.[0]?.frame ?? Buffer.alloc(0)], rows, linkRows: [], rereadEvery, turn: 1 };
  const control = newControl(1);
  const outlet = {
    send: (message: FromWorker) => void messages.push(message),
    sendBytes: () => {},
    wantsHandOver: () => false,
    claimHandOver: () => false,
    checkStop: () => {},
  };
  const trees = [{ name: 't', path: tree, device: 0, exclude: [], ...tellsNames }];
  const world = { xattrs: systemXattrs, now, pageBytes: pageTargetBytes };
  const begin = { job: 1, trees, parent: pages === null ? null : parent };
  const job = new AccountCapture(begin, control, outlet, world);
  job.task(0, task);
  job.finish({ directories: [], linked: [], keptLinks: new Map(), startedAtMs: now() });
  const written = messages.flatMap((message) => (message.type === 'page' ? [message.page] : []));
  const reused = messages.some(({ type }) => type === 'reuse');
  const all = reused ? pages! : written;
  const warnings = messages.flatMap((message) =>
    message.type === 'warning' ? [`${message.warning.code} ${message.warning.path}`] : [],
  );
  return { pages: all, reused, warnings, paths: all.flatMap(entriesOf).map(({ path }) => path.toString()) };
}

const entriesOf = ({ frame, plainBytes, digest }: FinishedPage) => [
  ...readPage(decompressPart(frame, plainBytes, 'page'), digest),
];

/** The page with one entry more, like another but for its path. */
function withEntry(pages: readonly FinishedPage[], like: string, path: string): readonly FinishedPage[] {
  const entries = pages.flatMap(entriesOf);
  const more = { ...entries.find((one) => one.path.toString() === like)!, path: Buffer.from(path) };
  const writer = new PageWriter(pageTargetBytes);
  for (const entry of [...entries, more].sort((a, b) => comparePaths(a.path, b.path))) writer.add(entry);
  return [writer.finish()!];
}

/** The page as it would be, had the capture not seen this path. */
function without(pages: readonly FinishedPage[], path: string): readonly FinishedPage[] {
  const writer = new PageWriter(pageTargetBytes);
  for (const entry of pages.flatMap(entriesOf)) if (entry.path.toString() !== path) writer.add(entry);
  return [writer.finish()!];
}

describe('a directory that has not changed', () => {
  it('is not listed where the parent has all its names', () => {
    const { pages } = capture(null);
    const lacking = without(pages, 't/two/d');

    expect(capture(lacking, { namesKnown: true })).toMatchObject({ reused: true });
    expect(capture(lacking).paths).toContain('t/two/d');
  });

  it('is left out where it was mounted over, though the mount shows the same inode', () => {
    const { pages, paths } = capture(null);
    execFileSync('mount', ['--bind', at('one'), at('one')]);
    const next = capture(pages, { namesKnown: true });
    execFileSync('umount', [at('one')]);

    expect(next.warnings).toEqual(['other-file-system one']);
    expect(next.paths).toEqual(paths.filter((path) => !path.startsWith('t/one/')));
  });

  it('gives its names to a descriptor that reads nothing', () => {
    const fd = openAt(AT_FDCWD, zName(at('two')), O.PATH);
    try {
      expect(listAnew(fd).map(plainName)).toEqual(['d', 'e']);
    } finally {
      closeFd(fd);
    }
  });

  it('is listed all the same when its turn comes, and where all files are read', () => {
    const lacking = without(capture(null).pages, 't/two/d');

    expect(capture(lacking, { namesKnown: true, rereadEvery: 1 }).paths).toContain('t/two/d');
  });

  it('is listed all the same where repairs of the file system put what they find', () => {
    const found = ['lost+found', 'one/lost+found'].map((path) => `${path}/#12`);
    for (const path of found) {
      mkdirSync(dirname(at(path)));
      writeFileSync(at(path), path);
    }
    const recorded = found.map((path) => `t/${path}`);
    const lacking = recorded.reduce(without, capture(null).pages);

    expect(capture(lacking, { namesKnown: true }).paths).toEqual(expect.arrayContaining(recorded));
  });

  it('is listed once it has changed, and what lies in others stays as it was', () => {
    const { pages, paths } = capture(null);
    writeFileSync(at('two/f'), 'new');
    rmSync(at('one/below'), { recursive: true });
    const next = capture(pages, { namesKnown: true });

    const gone = paths.filter((path) => !path.startsWith('t/one/below'));
    expect(next.paths).toEqual([...gone, 't/two/f']);
    expect(next.paths).toEqual(capture(null).paths);
  });

  it('has its changed files captured, and those whose kind has changed', () => {
    const { pages } = capture(null);
    writeFileSync(at('two/d'), 'other content');
    rmSync(at('two/e'));
    mkdirSync(at('two/e'));
    const next = capture(pages, { namesKnown: true });
    const fresh = capture(null);

    expect(next.paths).toEqual(fresh.paths);
    expect(next.pages.flatMap(entriesOf).map(({ mode }) => mode)).toEqual(
      fresh.pages.flatMap(entriesOf).map(({ mode }) => mode),
    );
  });
});

describe('a recorded name that is not there although its directory has not changed', () => {
  it.each([
    ['first', 't/two/a', ['t/two', 't/two/d', 't/two/e']],
    ['last', 't/two/f', ['t/two', 't/two/d', 't/two/e']],
  ])('has the directory listed, and is told of so that the next run does too: the %s', (_, extra, paths) => {
    const recorded = without(capture(null).pages, extra === 't/two/a' ? 't/two/d' : 'none');
    const next = capture(withEntry(recorded, 't/two/e', extra), { namesKnown: true });

    expect(next.paths.filter((path) => path.startsWith('t/two'))).toEqual(paths);
    expect(next.warnings).toEqual([`unreadable ${extra.slice(2)}`]);
  });

  it('is damage where no directory can hold it', () => {
    const { pages } = capture(null);

    for (const path of ['t/..', 't/.', 't/two/d\0x']) {
      expect(() => capture(withEntry(pages, 't/two/d', path), { namesKnown: true })).toThrow(
        'no directory holds',
      );
    }
  });
});

it('a directory that was handed over and is not where it was is not taken for gone by the next run', () => {
  expect(capture(null, { task: 'one/gone' }).warnings).toEqual(['unreadable one/gone']);
  expect(capture(null, { task: 'gone/below' }).warnings).toEqual(['unreadable gone/below']);
});

describe('a directory that is listed after all', () => {
  it.each([
    [null, 0],
    ['a', 1],
    ['b', 1],
    ['one', 2],
    ['zzz', 3],
  ])('goes on behind the name that was passed last: %s', (last, next) => {
    const fd = openSync(tree, 'r');
    const level = { fd, names: null, next: 0, last, searched: 0 } as Level;
    listAfterAll(level, { warn: () => {} });
    closeSync(fd);

    expect(level).toMatchObject({ next, searched: 3 });
    expect(level.names).toHaveLength(3);
  });

  it('is walked by recorded names to its end where the kernel refuses, with a warning, and not asked again', () => {
    const fd = openSync(at('a'), 'r');
    const level = {
      fd,
      names: null,
      prefix: 'one/',
      next: 0,
      last: 'b',
      searched: 0,
      refused: false,
    } as unknown as Level;
    const warnings: string[] = [];
    const warn = (code: string, path: string): void => void warnings.push(`${code} ${path}`);
    listAfterAll(level, { warn });
    listAfterAll(level, { warn });
    closeSync(fd);

    expect([level.names, level.last, warnings]).toEqual([null, 'b', ['unreadable one']]);
  });
});
