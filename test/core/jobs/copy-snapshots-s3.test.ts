import { hash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { s3TarProvider } from '../../../src/addins/s3-tar/index.ts';
import { type FaultyStore, faultyStore } from '../../../src/core/conformance/index.ts';
import type { Store } from '../../../src/core/contracts/store.ts';
import type { CopyTarget } from '../../../src/core/jobs/copy/types.ts';
import { newBucket, openStore, signal } from '../../addins/s3/bench-of-store.ts';
import { type Lab, openLab } from '../../support/backup.ts';
import { copyIn, danglingIn, objectsIn, runCopy, type StoredObject } from '../../support/copies.ts';
import { type S3Server, startS3 } from '../../support/s3.ts';

let dir: string;
let server: S3Server;
let lab: Lab;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-copy-s3-'));
  const tree = join(dir, 'tree');
  mkdirSync(tree);
  // More than one part of an upload.
  writeFileSync(join(tree, 'film'), randomBytes(24 * 1024 * 1024));
  server = await startS3();
  lab = await openLab(dir);
  await lab.backUp({ shadow: tree });
});
afterAll(async () => {
  await lab.close();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** A copy in a bucket of its own. */
async function copyInBucket(name: string, settings = {}, wrap = (store: Store): Store => store) {
  const bucket = await newBucket(server, {});
  const copy: CopyTarget = {
    name,
    retention: null,
    open: async () => {
      const store = wrap(await openStore(server, bucket, settings));
      return { store, provider: await s3TarProvider.open({ store, settings: { use: 's3-tar' } }) };
    },
  };
  return { copy, bucket };
}

/** What another reader finds in the bucket. */
async function objectsInBucket(bucket: string): Promise<Map<string, StoredObject>> {
  const store = await openStore(server, bucket, {});
  const objects = new Map<string, StoredObject>();
  const { objects: listed } = await store.list({ prefix: '', signal });
  for (const { key } of listed) {
    if (!/^(?:data|index|manifests)\//.test(key)) continue;
    const bytes = await buffer(store.get({ key, signal }));
    objects.set(key, { size: bytes.length, sha256: hash('sha256', bytes, 'hex') });
  }
  await store.close();
  return objects;
}

describe('a copy in a bucket', () => {
  it('equals the source, and is the source of a copy in a directory', async () => {
    const { copy, bucket } = await copyInBucket('bucket');

    expect(await runCopy(lab, copy)).toMatchObject({ copied: 1, lacking: 0, error: null });
    expect(await runCopy(lab, copy)).toMatchObject({ copied: 0, objects: 0, error: null });
    expect(await objectsInBucket(bucket)).toEqual(objectsIn(lab.storePath));

    const { store, provider } = await copy.open();
    const back = join(dir, 'back');
    const addin = { ...lab.addin, store, provider };
    expect(await runCopy({ ...lab, addin }, copyIn(back, 'back'))).toMatchObject({ copied: 1, error: null });
    await store.close();
    expect(objectsIn(back)).toEqual(objectsIn(lab.storePath));
    expect(danglingIn(back)).toEqual([]);
  });

  it('is completed after an interruption at every put', async () => {
    for (let call = 1; ; call++) {
      let faulty: FaultyStore | null = null;
      const wrap = (store: Store): Store => {
        faulty ??= faultyStore(store, [{ method: 'put', call, when: 'midway' }]);
        return faulty.calls.put < call ? faulty : store;
      };
      const { copy, bucket } = await copyInBucket(`interrupted-${call}`, {}, wrap);
      const { error } = await runCopy(lab, copy);
      if (error === null) break;

      expect(
        [...(await objectsInBucket(bucket)).keys()].filter((key) => key.startsWith('manifests/')),
      ).toEqual([]);
      expect(await runCopy(lab, copy)).toMatchObject({ lacking: 0, error: null });
      expect(await objectsInBucket(bucket)).toEqual(objectsIn(lab.storePath));
    }
  });

  it('gets nothing of a damaged object', async () => {
    const key = [...objectsIn(lab.storePath).keys()].find((one) => one.startsWith('data/'))!;
    const file = join(lab.storePath, key);
    const bytes = readFileSync(file);
    const damaged = Buffer.from(bytes);
    damaged[damaged.length - 1]! ^= 1;
    const { copy, bucket } = await copyInBucket('damaged');
    writeFileSync(file, damaged);
    try {
      expect(await runCopy(lab, copy)).toMatchObject({
        copied: 0,
        lacking: 1,
        error: { code: 'COPY_FAILED' },
      });
      expect((await objectsInBucket(bucket)).has(key)).toBe(false);
    } finally {
      writeFileSync(file, bytes);
    }
    expect(await runCopy(lab, copy)).toMatchObject({ copied: 1, error: null });
  });

  it('needs no more than the right to put', async () => {
    const { copy, bucket } = await copyInBucket('put-only', { putOnly: true });

    expect(await runCopy(lab, copy)).toMatchObject({ copied: 1, lacking: 0, error: null });
    expect(await runCopy(lab, copy)).toMatchObject({ copied: 0, objects: 0, error: null });
    expect(await objectsInBucket(bucket)).toEqual(objectsIn(lab.storePath));
  });
});
