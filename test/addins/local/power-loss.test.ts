import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bodyOf, openLocal, type Scratch, scratchDirectory, signal } from './scratch.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/**
 * A file system that can be stopped as by a loss of power: it is shut down without flushing its
 * journal, so that what nobody synced is gone after the next mount.
 */
class FragileFileSystem {
  readonly #scratch: Scratch = scratchDirectory();
  #image = join(this.#scratch.path, 'image');
  readonly #options: string;
  readonly path = join(this.#scratch.path, 'mounted');

  constructor(kind: string) {
    // XFS refuses a copy as long as what it is a copy of is mounted anywhere.
    this.#options = kind === 'xfs' ? 'loop,nouuid' : 'loop';
    mkdirSync(this.path);
    writeFileSync(this.#image, '');
    truncateSync(this.#image, 512 * 1024 * 1024);
    execFileSync(`mkfs.${kind}`, ['-q', this.#image]);
    this.#mount();
  }

  losePower(): void {
    execFileSync('xfs_io', ['-x', '-c', 'shutdown', this.path]);
    execFileSync('umount', [this.path]);
    // Another process may have the mount in a namespace of its own, where it stays shut down: a copy is another disk.
    const copy = `${this.#image}-copy`;
    execFileSync('cp', ['--sparse=always', this.#image, copy]);
    rmSync(this.#image);
    this.#image = copy;
    this.#mount();
  }

  remove(): void {
    // Lazily: a test that failed half-way may still have a file open.
    execFileSync('umount', ['--lazy', this.path]);
    this.#scratch[Symbol.dispose]();
  }

  #mount(): void {
    execFileSync('mount', ['-o', this.#options, this.#image, this.path]);
  }
}

describe.each(['ext4', 'xfs'])('after a loss of power on %s', (kind) => {
  let disk: FragileFileSystem;

  beforeEach(() => {
    disk = new FragileFileSystem(kind);
  });

  afterEach(() => disk.remove());

  it('a file nobody synced is gone, so this test can tell', () => {
    writeFileSync(join(disk.path, 'unsynced'), randomBytes(100_000));
    disk.losePower();
    expect(() => readFileSync(join(disk.path, 'unsynced'))).toThrow('ENOENT');
  });

  it('every object whose put had resolved is there, whole', async () => {
    const store = await openLocal(join(disk.path, 'new/store'));
    const wanted = new Map<string, string>();
    const putMany = async (lane: number) => {
      for (let index = 0; index < 12; index += 1) {
        const key = `data/${lane}/${index % 3}/new-${lane}/${index}.tar.zst`;
        const bytes = randomBytes(1 + ((index * 40_009) % 400_000));
        await store.put({ key, body: bodyOf(bytes), createOnly: index % 2 === 0, signal });
        wanted.set(key, sha256(bytes));
      }
    };
    await Promise.all([0, 1, 2, 3].map(putMany));

    disk.losePower();

    const found = new Map<string, string>();
    for (const key of wanted.keys()) {
      found.set(key, sha256(Buffer.concat(await Array.fromAsync(store.get({ key, signal })))));
    }
    expect(found).toEqual(wanted);
  });

  it('a directory that a dying process had made, but not synced, holds', async () => {
    mkdirSync(join(disk.path, 'store/data/owner'), { recursive: true });
    const store = await openLocal(join(disk.path, 'store'));
    await store.put({ key: 'data/owner/object', body: bodyOf('x'), signal });

    disk.losePower();

    expect(readFileSync(join(disk.path, 'store/data/owner/object'), 'utf8')).toBe('x');
  });

  it('a removed object stays removed', async () => {
    const store = await openLocal(join(disk.path, 'store'));
    await store.put({ key: 'manifests/one', body: bodyOf('x'), signal });
    await store.remove({ key: 'manifests/one', signal });

    disk.losePower();

    expect(await store.head({ key: 'manifests/one', signal })).toBeNull();
  });
});
