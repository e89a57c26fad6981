import { randomBytes } from 'node:crypto';
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fileBodies } from '../../../src/addins/local/file-bodies.ts';
import { bytesOf, collect } from '../../../src/core/streams.ts';
import { openIsolated } from '../../support/isolated.ts';
import { checksFor, storeCheckFailure } from '../../support/run-checks.ts';

const { signal } = new AbortController();
const dir = mkdtempSync(join(tmpdir(), 'holdfast-isolated-'));
const path = join(dir, 'store');
const local = {
  module: 'src/addins/local/index.ts',
  exported: 'localStore',
  settings: { use: 'local', path },
};
const store = await openIsolated(local);
/** Objects of half a megabyte and more are written and read by ours. */
const withFiles = { ...local, settings: { ...local.settings, path: `${path}-of-files` }, files: fileBodies };
const storeOfFiles = await openIsolated(withFiles);

afterAll(async () => {
  await store.close();
  await storeOfFiles.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('a store in a process of its own', () => {
  it.each(checksFor(store))('$name', async (check) => {
    expect(await storeCheckFailure(check, store, () => openIsolated(local))).toBeNull();
  });
});

describe('a store in a process of its own whose files we write', () => {
  it.each(checksFor(storeOfFiles))('$name', async (check) => {
    expect(await storeCheckFailure(check, storeOfFiles, () => openIsolated(withFiles))).toBeNull();
  });

  it('keeps and gives what is too large for the socket', async () => {
    const bytes = randomBytes(5_000_000);
    const put = { key: 'data/large', body: bytesOf(bytes), sizeBytes: bytes.length, signal };
    expect(await storeOfFiles.put(put)).toMatchObject({ sizeBytes: bytes.length });
    expect((await collect(storeOfFiles.get({ key: 'data/large', signal }), 1e7)).equals(bytes)).toBe(true);
    const range = { offset: 1_234_567, length: 2_000_000 };
    const part = await collect(storeOfFiles.get({ key: 'data/large', range, signal }), 1e7);
    expect(part.equals(bytes.subarray(1_234_567, 3_234_567))).toBe(true);
  });

  it('writes into no file of another user, whatever the process offers', async () => {
    const file = join(dir, 'of-another');
    writeFileSync(file, 'theirs');
    chownSync(file, 65_534, 65_534);
    const offering = await openIsolated({
      module: 'test/core/isolation/bad-stores.ts',
      exported: 'offersOthers',
      settings: { file },
      files: fileBodies,
    });
    try {
      await offering.put({ key: 'data/a', body: bytesOf(randomBytes(1_000_000)), signal });
      expect((await offering.head({ key: 'data/a', signal }))?.sizeBytes).toBe(1_000_000);
      expect(readFileSync(file, 'utf8')).toBe('theirs');
    } finally {
      await offering.close();
    }
  });
});
