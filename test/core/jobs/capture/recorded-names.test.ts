/** Directories that have not changed are walked by the names that the parent has of them, and not listed. */

import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { decompressPart, readPage } from '../../../../src/core/archive/page-reader.ts';
import { type FinishedPage, PageWriter, pageTargetBytes } from '../../../../src/core/archive/pages.ts';
import { systemXattrs } from '../../../../src/core/filesystem/xattrs.ts';
import { AccountCapture } from '../../../../src/core/jobs/capture/account-capture.ts';
import type { Level } from '../../../../src/core/jobs/capture/levels.ts';
import {
  type CaptureParent,
  type FromWorker,
  jobControl,
} from '../../../../src/core/jobs/capture/messages.ts';
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

type Given = Partial<Pick<CaptureParent, 'rereadEvery'>> & { readonly namesKnown?: boolean };

/** Captures the tree as `t`. @returns what came of it, with the paths of all entries */
function capture(
  pages: readonly FinishedPage[] | null,
  { rereadEvery = 100_000, ...tellsNames }: Given = {},
) {
  const messages: FromWorker[] = [];
  const rows = (pages ?? []).map(({ frame, plainBytes, count, digest, first }) => {
    return { offset: 0, length: frame.length, plainBytes, count, digest, first: first.toString('latin1') };
  });
  const parent = { pages: pages?.[0]?.frame ?? Buffer.alloc(0), rows, linkRows: [], rereadEvery, turn: 1 };
  const control = new Int32Array(new SharedArrayBuffer(4 * jobControl.size));
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
  job.task(0, '');
  job.finish({ directories: [], linked: [], keptLinks: [], startedAtMs: now() });
  const written = messages.flatMap((message) => (message.type === 'page' ? [message.page] : []));
  const reused = messages.some(({ type }) => type === 'reuse');
  const all = reused ? pages! : written;
  return { pages: all, reused, paths: all.flatMap(entriesOf).map(({ path }) => path.toString()) };
}

const entriesOf = ({ frame, plainBytes, digest }: FinishedPage) => [
  ...readPage(decompressPart(frame, plainBytes, 'page'), digest),
];

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

  it('is listed all the same when its turn comes, and where all files are read', () => {
    const lacking = without(capture(null).pages, 't/two/d');

    expect(capture(lacking, { namesKnown: true, rereadEvery: 1 }).paths).toContain('t/two/d');
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
    listAfterAll(level);
    closeSync(fd);

    expect(level).toMatchObject({ next, searched: 3 });
    expect(level.names).toHaveLength(3);
  });
});
