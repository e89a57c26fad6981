import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { takeBuffer } from '../../../src/addins/local/aligned-buffers.ts';
import type { Store } from '../../../src/core/index.ts';
import { type FilesystemKind, type MountedFilesystem, mountFilesystem } from '../../support/filesystems.ts';
import { openLocal, signal, smallFileSystem } from './scratch.ts';

const mebibyte = 1024 * 1024;

/** Chunks of many sizes, one buffer for all of them, as producers may. */
async function* reusing(bytes: Buffer): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.alloc(3 * mebibyte);
  const sizes = [1, 4095, 300_000, 3 * mebibyte, 70_001];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = Math.min(sizes[turn % sizes.length]!, bytes.length - at);
    bytes.copy(chunk, 0, at, at + length);
    yield chunk.subarray(0, length);
    at += length;
  }
}

const cachedBytes = (path: string): number =>
  Number(execFileSync('fincore', ['--bytes', '--noheadings', '--output', 'RES', path], { encoding: 'utf8' }));

describe.each<FilesystemKind>(['ext4', 'xfs', 'tmpfs'])('a body written to %s', (kind) => {
  let mounted: MountedFilesystem;
  let store: Store;

  beforeAll(async () => {
    mounted = mountFilesystem(kind, { mebibytes: 512 });
    store = await openLocal(mounted.path);
  });

  afterAll(async () => {
    await store?.close();
    mounted?.unmount();
  });

  it.each([0, 1, 4096, mebibyte - 1, mebibyte, mebibyte + 1, 5 * mebibyte, 9 * mebibyte + 4097])(
    'of %d bytes is in the file as it came',
    async (length) => {
      const bytes = randomBytes(length);
      const key = `data/body/of-${length}`;
      await store.put({ key, body: reusing(bytes), sizeBytes: length, signal });
      expect(readFileSync(join(mounted.path, key)).equals(bytes)).toBe(true);
    },
  );

  it('leaves whole what is written at the same time', async () => {
    const bodies = Array.from({ length: 6 }, (_, index) => randomBytes((index + 1) * mebibyte + index));
    const keys = bodies.map((_, index) => `data/beside/${index}`);
    await Promise.all(
      bodies.map((body, index) => store.put({ key: keys[index]!, body: reusing(body), signal })),
    );
    const found = keys.map((key) => readFileSync(join(mounted.path, key)));
    expect(found.map((bytes, index) => bytes.equals(bodies[index]!))).toEqual(bodies.map(() => true));
  });

  if (kind === 'tmpfs') return;

  it('takes next to nothing of the page cache', async () => {
    await store.put({ key: 'data/large', body: reusing(randomBytes(16 * mebibyte + 100)), signal });
    expect(cachedBytes(join(mounted.path, 'data/large'))).toBeLessThanOrEqual(mebibyte);
  });
});

it('says that the store is full where a piece under way finds no room, and leaves nothing', async () => {
  using disk = smallFileSystem(4 * mebibyte);
  const store = await openLocal(disk.path);
  const put = store.put({ key: 'data/large', body: reusing(randomBytes(8 * mebibyte)), signal });
  await expect(put).rejects.toMatchObject({ code: 'STORE_FULL' });
  expect(readdirSync(join(disk.path, '.tmp~'))).toEqual([]);
  await store.put({ key: 'data/small', body: reusing(randomBytes(mebibyte)), signal });
});

it('gathers in buffers that do not overlap', () => {
  const buffers = Array.from({ length: 9 }, () => takeBuffer());
  buffers.forEach((buffer, index) => {
    buffer.fill(index);
  });
  expect(buffers.every((buffer, index) => buffer.every((byte) => byte === index))).toBe(true);
});
