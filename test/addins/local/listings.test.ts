import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Store } from '../../../src/core/index.ts';
import { bodyOf, openLocal, scratchDirectory, signal, smallFileSystem } from './scratch.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function fill(root: string, directories: number, filesEach: number): void {
  for (let directory = 0; directory < directories; directory += 1) {
    const path = join(root, 'data', directory.toString(16).padStart(32, '0'));
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < filesEach; file += 1)
      writeFileSync(join(path, `${100_000 + file}.tar.zst`), '');
  }
}

async function* pages(store: Store, prefix: string) {
  let after: string | undefined;
  do {
    const page = await store.list(after === undefined ? { prefix, signal } : { prefix, after, signal });
    yield page.objects;
    after = page.next ?? undefined;
  } while (after !== undefined);
}

describe('a listing of 50,000 keys', () => {
  it.each([
    [50, 1000],
    [1, 50_000],
  ])('in %i directories of %i is quick and yields each once, in order', async (directories, filesEach) => {
    // In memory, where making 50,000 files takes a second.
    using scratch = smallFileSystem(64 * 1024 * 1024);
    fill(scratch.path, directories, filesEach);
    const store = await openLocal(scratch.path);
    const pageMs: number[] = [];
    let startedAtMs = performance.now();
    let last = '';
    let count = 0;

    for await (const objects of pages(store, 'data/')) {
      pageMs.push(performance.now() - startedAtMs);
      for (const { key } of objects) {
        expect(key > last || `${key} after ${last}`).toBe(true);
        last = key;
        count += 1;
      }
      startedAtMs = performance.now();
    }

    expect(count).toBe(50_000);
    expect(Math.max(...pageMs)).toBeLessThan(5000);
    const [firstPageMs = 0, ...later] = pageMs;
    const medianMs = later.sort((a, b) => a - b)[later.length >> 1] ?? 0;
    // The first page of one large directory reads all of it; the others must not read it again.
    if (directories === 1) expect(medianMs).toBeLessThan(firstPageMs / 3);
  });

  it('holds the names of one directory, not of all', async () => {
    // In memory, where making 50,000 files takes a second.
    using scratch = smallFileSystem(64 * 1024 * 1024);
    fill(scratch.path, 50, 1000);
    const store = await openLocal(scratch.path);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    let most = 0;
    let count = 0;

    for await (const objects of pages(store, '')) {
      count += objects.length;
      if (count % 10_000 > 0) continue;
      collectGarbage();
      most = Math.max(most, process.memoryUsage().heapUsed - before);
    }

    expect(count).toBe(50_000);
    expect(most).toBeLessThan(3 * 1024 * 1024);
  });
});

describe('a listing', () => {
  it('that begins anew sees what was put since another began', async () => {
    using scratch = scratchDirectory();
    const store = await openLocal(scratch.path);
    for (const key of ['a/1', 'a/3', 'a/5']) await store.put({ key, body: bodyOf('x'), signal });
    const first = await store.list({ prefix: 'a/', limit: 1, signal });
    await store.put({ key: 'a/2', body: bodyOf('x'), signal });

    const anew = await store.list({ prefix: 'a/', signal });

    expect(first.next).toBe('a/1');
    expect(anew.objects.map((object) => object.key)).toEqual(['a/1', 'a/2', 'a/3', 'a/5']);
  });

  it('can be asked for the same page twice', async () => {
    using scratch = scratchDirectory();
    const store = await openLocal(scratch.path);
    for (const key of ['a/1', 'a/2', 'a/3', 'a/4']) await store.put({ key, body: bodyOf('x'), signal });
    await store.list({ prefix: 'a/', limit: 1, signal });

    const request = { prefix: 'a/', after: 'a/1', limit: 2, signal };
    const twice = [await store.list(request), await store.list(request)];

    expect(twice[0]?.objects.map((object) => object.key)).toEqual(['a/2', 'a/3']);
    expect(twice[1]).toEqual(twice[0]);
  });
});
