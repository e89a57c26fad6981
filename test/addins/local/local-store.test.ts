import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { localStore } from '../../../src/addins/local/index.ts';
import { openBreakingDisk } from '../../support/breaking-disk.ts';
import { checksFor, storeCheckFailure } from '../../support/run-checks.ts';
import { bodyOf, openLocal, scratchDirectory, signal, smallFileSystem } from './scratch.ts';

const mebibyte = 1024 * 1024;

/** Checks that only read leave no directory behind. */
async function unfinishedFiles(root: string): Promise<string[]> {
  return Array.fromAsync(glob('.tmp~/*', { cwd: root }));
}

describe('the local store', () => {
  describe('keeps the store contract: it', async () => {
    it.each(checksFor(await openLocal('/unused')))('$name', async (check) => {
      using scratch = scratchDirectory();
      const open = () => openLocal(join(scratch.path, 'store'));

      expect(await storeCheckFailure(check, await open(), open)).toBeNull();

      expect(await unfinishedFiles(join(scratch.path, 'store'))).toEqual([]);
    });
  });

  it('keeps objects at the path of their key, for its owner alone', async () => {
    using scratch = scratchDirectory();
    const root = join(scratch.path, 'made/for/it');
    const store = await openLocal(root);

    await store.put({ key: 'data/a%20b/x.tar.zst', body: bodyOf('one', 'two'), signal });

    expect(readFileSync(join(root, 'data/a%20b/x.tar.zst'), 'utf8')).toBe('onetwo');
    const modes = ['', 'data', 'data/a%20b', '.tmp~', 'data/a%20b/x.tar.zst'].map(
      (path) => statSync(join(root, path)).mode & 0o7777,
    );
    expect(modes).toEqual([0o700, 0o700, 0o700, 0o700, 0o600]);
    expect(statSync(join(root, 'data/a%20b/x.tar.zst')).nlink).toBe(1);
  });

  it('writes nothing before the first put', async () => {
    using scratch = scratchDirectory();
    const store = await openLocal(join(scratch.path, 'store'));

    expect(await store.list({ prefix: '', signal })).toEqual({ objects: [], next: null });
    expect(await store.head({ key: 'a', signal })).toBeNull();
    await store.remove({ key: 'a', signal });

    expect(existsSync(join(scratch.path, 'store'))).toBe(false);
  });

  it.each(['../outside', 'a/../../outside', '/outside', '.tmp~/x', ''])('refuses the key %j', async (key) => {
    using scratch = scratchDirectory();
    writeFileSync(join(scratch.path, 'outside'), 'untouched');
    const store = await openLocal(join(scratch.path, 'store'));

    await expect(store.put({ key, body: bodyOf('bad'), signal })).rejects.toThrow(TypeError);
    await expect(Array.fromAsync(store.get({ key, signal }))).rejects.toThrow(TypeError);
    await expect(store.remove({ key, signal })).rejects.toThrow(TypeError);

    expect(readFileSync(join(scratch.path, 'outside'), 'utf8')).toBe('untouched');
  });

  it('neither lists nor reads links, foreign names and what lies outside', async () => {
    using scratch = scratchDirectory();
    const root = join(scratch.path, 'store');
    const store = await openLocal(root);
    await store.put({ key: 'data/object', body: bodyOf('inside'), signal });
    mkdirSync(join(scratch.path, 'outside'));
    writeFileSync(join(scratch.path, 'outside/secret'), 'secret');
    symlinkSync('../../outside/secret', join(root, 'data/link'));
    symlinkSync('../outside', join(root, 'linked'));
    mkdirSync(join(root, 'lost+found'));
    writeFileSync(join(root, 'lost+found/#12'), 'foreign');
    execFileSync('mkfifo', [join(root, 'data/fifo')]);

    const { objects } = await store.list({ prefix: '', signal });
    expect(objects.map((object) => object.key)).toEqual(['data/object']);
    expect(await store.list({ prefix: '../outside/', signal })).toEqual({ objects: [], next: null });
    expect(await store.head({ key: 'data/link', signal })).toBeNull();
    await expect(Array.fromAsync(store.get({ key: 'data/link', signal }))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    await expect(Array.fromAsync(store.get({ key: 'data/fifo', signal }))).rejects.toMatchObject({
      code: 'OBJECT_MISSING',
    });
    symlinkSync('../outside', join(root, 'into'));
    await expect(store.put({ key: 'into/object', body: bodyOf('x'), signal })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(readdirSync(join(scratch.path, 'outside'))).toEqual(['secret']);
  });

  it('calls an object damaged that becomes shorter while it is read', async () => {
    using scratch = scratchDirectory();
    const store = await openLocal(scratch.path);
    await store.put({ key: 'object', body: bodyOf(new Uint8Array(9 * mebibyte)), signal });

    const reading = (async () => {
      for await (const _ of store.get({ key: 'object', signal }))
        truncateSync(join(scratch.path, 'object'), 10);
    })();

    await expect(reading).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
  });

  it('does not mind a producer that uses one buffer again and again', async () => {
    using scratch = scratchDirectory();
    const store = await openLocal(scratch.path);
    const sizes = [10, 300_000, 20, 262_144, 262_143, 1];
    const buffer = new Uint8Array(300_000);
    async function* body() {
      for (const [index, size] of sizes.entries()) yield buffer.fill(index + 1).subarray(0, size);
    }

    await store.put({ key: 'object', body: body(), signal });

    const wanted = Buffer.concat(sizes.map((size, index) => Buffer.alloc(size, index + 1)));
    expect(readFileSync(join(scratch.path, 'object')).equals(wanted)).toBe(true);
  });

  it('makes a directory again that was removed between two puts', async () => {
    using scratch = scratchDirectory();
    const store = await openLocal(join(scratch.path, 'store'));
    await store.put({ key: 'a/b/1', body: bodyOf('1'), signal });
    execFileSync('rm', ['-r', join(scratch.path, 'store')]);

    await store.put({ key: 'a/b/2', body: bodyOf('2'), signal, createOnly: true });

    expect(readFileSync(join(scratch.path, 'store/a/b/2'), 'utf8')).toBe('2');
  });

  it('hands on the error of a body as it is', async () => {
    using scratch = scratchDirectory();
    const store = await openLocal(scratch.path);
    const planted = Object.assign(new Error('planted'), { code: 'ENOSPC' });
    async function* body() {
      yield new Uint8Array(1);
      throw planted;
    }
    await expect(store.put({ key: 'object', body: body(), signal })).rejects.toBe(planted);
  });
});

describe('the file system of a local store', () => {
  it('is full: STORE_FULL, nothing left behind, and smaller objects still fit', async () => {
    using small = smallFileSystem(2 * mebibyte);
    const store = await openLocal(join(small.path, 'store'));
    await store.put({ key: 'first', body: bodyOf('first'), signal });

    const put = store.put({ key: 'large', body: bodyOf(new Uint8Array(4 * mebibyte)), signal });

    await expect(put).rejects.toMatchObject({
      code: 'STORE_FULL',
      hint: expect.stringContaining('Free space'),
    });
    expect(await store.head({ key: 'large', signal })).toBeNull();
    expect(readdirSync(join(small.path, 'store/.tmp~'))).toEqual([]);
    await store.put({ key: 'small', body: bodyOf(new Uint8Array(mebibyte)), signal });
    expect(statSync(join(small.path, 'store/small')).size).toBe(mebibyte);
  });

  it('cannot read one object any more: that one is damaged, and the others are there', async () => {
    using disk = openBreakingDisk();
    const keys = ['data/bad', 'data/good'];
    const body = Buffer.alloc(mebibyte, 'x');
    const store = await openLocal(join(disk.path, 'store'));
    for (const key of keys) await store.put({ key, body: bodyOf(body), signal });
    const got = async (key: string) => Buffer.concat(await Array.fromAsync(store.get({ key, signal })));
    disk.breakFiles('store/data/bad');

    await expect(got('data/bad')).rejects.toMatchObject({
      code: 'OBJECT_DAMAGED',
      message: expect.stringMatching(/^object data\/bad cannot be read from its disk: E/),
    });

    expect((await got('data/good')).equals(body)).toBe(true);
  });

  it('is read-only: STORE_DENIED for put and remove, while reading goes on', async () => {
    using small = smallFileSystem(2 * mebibyte);
    const store = await openLocal(join(small.path, 'store'));
    await store.put({ key: 'first', body: bodyOf('first'), signal });
    small.remount('ro');

    const denied = { code: 'STORE_DENIED', hint: expect.stringContaining('mounted writable') };
    await expect(store.put({ key: 'second', body: bodyOf('x'), signal })).rejects.toMatchObject(denied);
    await expect(store.remove({ key: 'first', signal })).rejects.toMatchObject(denied);

    expect(Buffer.concat(await Array.fromAsync(store.get({ key: 'first', signal }))).toString()).toBe(
      'first',
    );
    small.remount('rw');
  });

  it('forbids changes of a directory: STORE_DENIED and nothing left behind', async () => {
    using scratch = scratchDirectory();
    const store = await openLocal(scratch.path);
    await store.put({ key: 'data/first', body: bodyOf('first'), signal });
    execFileSync('chattr', ['+i', join(scratch.path, 'data')]);
    try {
      for (const createOnly of [true, false]) {
        const put = store.put({ key: 'data/second', body: bodyOf('x'), createOnly, signal });
        await expect(put).rejects.toMatchObject({ code: 'STORE_DENIED' });
      }
    } finally {
      execFileSync('chattr', ['-i', join(scratch.path, 'data')]);
    }
    expect(readdirSync(join(scratch.path, '.tmp~'))).toEqual([]);
    expect(readdirSync(join(scratch.path, 'data'))).toEqual(['first']);
  });
});

describe('localStore', () => {
  const validate = new Ajv2020({ strictSchema: true }).compile(localStore.settingsSchema);

  it('takes an absolute path and nothing else', () => {
    expect(validate({ use: 'local', path: '/var/backups/holdfast' })).toBe(true);
    for (const wrong of [
      { use: 'local' },
      { use: 'local', path: 'relative' },
      { use: 'local', path: '/' },
      { use: 'local', path: '/x', extra: 1 },
      { use: 's3', path: '/x' },
    ]) {
      expect(validate(wrong), JSON.stringify(wrong)).toBe(false);
    }
  });

  it('opens a directory that others may read without changing its mode', async () => {
    using scratch = scratchDirectory();
    chmodSync(scratch.path, 0o755);
    const store = await localStore.open({ use: 'local', path: `${scratch.path}/` });

    await store.put({ key: 'object', body: bodyOf('x'), signal });

    expect(statSync(scratch.path).mode & 0o7777).toBe(0o755);
  });
});
