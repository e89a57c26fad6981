/** What of a tree goes to a worker that has nothing to do: parts of it, and no single path to and fro. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { pageTargetBytes } from '../../../../src/core/archive/pages.ts';
import { systemXattrs } from '../../../../src/core/filesystem/xattrs.ts';
import { AccountCapture } from '../../../../src/core/jobs/capture/account-capture.ts';
import { newControl } from '../../../../src/core/jobs/capture/job-control.ts';
import type { FromWorker } from '../../../../src/core/jobs/capture/messages.ts';
import { ParentPages } from '../../../../src/core/jobs/capture/parent-pages.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-hand-over-'));
const tree = join(directory, 'tree');
const depth = 100;
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree);
});

/** Nested directories, each with these files, and one at the bottom. */
function chain(besides: readonly string[]): void {
  let path = tree;
  for (let i = 0; i < depth; i++) {
    path = join(path, 'd');
    mkdirSync(path);
    for (const name of besides) writeFileSync(join(path, name), '');
  }
  writeFileSync(join(path, 'bottom'), '');
}

/** Paths that were handed over where somebody always has nothing to do, and the entries of all pages. */
function capture(): { readonly given: readonly string[]; readonly entries: number } {
  const given: string[] = [];
  let entries = 0;
  const control = newControl(1);
  const outlet = {
    send: (message: FromWorker) => {
      if (message.type === 'hand-over') given.push(message.path);
      if (message.type === 'page') entries += message.page.count;
    },
    sendBytes: () => {},
    wantsHandOver: () => true,
    claimHandOver: () => true,
    checkStop: () => {},
  };
  const trees = [{ name: 't', path: tree, device: 0, exclude: [] }];
  const world = { xattrs: systemXattrs, now: Date.now, pageBytes: pageTargetBytes };
  const job = new AccountCapture({ job: 1, trees, parent: null }, control, outlet, world);
  job.task(0, '');
  for (let next = 0; next < given.length; next++) job.task(0, given[next]!);
  job.finish({ directories: [], linked: [], keptLinks: new Map(), startedAtMs: Date.now() });
  return { given, entries };
}

describe('a directory that waits', () => {
  it('goes to another worker while something else waits, and so does a second one', () => {
    for (const path of ['a', 'b/c', 'b/d', 'e']) mkdirSync(join(tree, path), { recursive: true });
    writeFileSync(join(tree, 'b/c/file'), '');

    expect(capture()).toEqual({ given: ['e', 'b/d'], entries: 7 });
  });

  it('stays where nothing else does: who gave it away would be the next with nothing to do', () => {
    chain([]);

    expect(capture()).toEqual({ given: [], entries: depth + 2 });
  });

  it('stays in deep directories, whatever lies beside it', () => {
    chain(['file']);
    const { given, entries } = capture();

    expect(given.at(-1)).toBe('d/'.repeat(64).slice(0, -1));
    expect(entries).toBe(2 * depth + 2);
  });
});

describe('a directory of which the parent has much', () => {
  const pagesOf = (counts: readonly number[], first: (page: number) => string): ParentPages => {
    const rows = counts.map((count, page) => {
      return {
        file: 0,
        offset: 0,
        length: 0,
        plainBytes: 0,
        count,
        digest: Buffer.alloc(0),
        first: first(page),
      };
    });
    return new ParentPages({ pages: [Buffer.alloc(0)], rows, linkRows: [] });
  };

  it('is one with many entries, however few pages hold them', () => {
    const pages = pagesOf(Array(20).fill(700), (page) => `t/${page < 10 ? 'a' : 'b'}/${page}`);

    expect(pages.isLarge('t/a', pageTargetBytes)).toBe(true);
    expect(pages.isLarge('t/a/3', pageTargetBytes)).toBe(false);
  });

  it('is none with a page for each of a few entries', () => {
    const pages = pagesOf(Array(4000).fill(1), (page) => `t${'/d'.repeat(page)}`);

    expect(pages.isLarge('t/d/d', pageTargetBytes)).toBe(false);
  });
});
