/** Requests, memory, versions, attributes and left-overs of the store on a real service. */

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectTaggingCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../../src/core/index.ts';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy.ts';
import { type S3Server, startS3 } from '../../support/s3.ts';
import { adminClient, mebibyte, newBucket, openStore, put, read, signal } from './bench-of-store.ts';

let server: S3Server;
let proxy: FaultProxy;
let admin: S3Client;
const open: Store[] = [];

beforeAll(async () => {
  server = await startS3();
  proxy = await startFaultProxy(server.endpoint);
  admin = adminClient(server);
});
afterAll(async () => {
  admin.destroy();
  await proxy.stop();
  await server.stop();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((store) => store.close()));
  proxy.clear();
  proxy.latencyMs = 0;
});

async function opened(bucket: string, settings: Readonly<Record<string, unknown>> = {}): Promise<Store> {
  const store = await openStore(server, bucket, { endpoint: proxy.endpoint, ...settings });
  open.push(store);
  return store;
}

describe('requests', () => {
  it('are one per small object, known length or not, and three more per large one', async () => {
    const store = await opened(await newBucket(server));
    await put(store, 'data/s/small', randomBytes(4 * mebibyte));
    await put(store, 'data/s/known', randomBytes(100), { sizeBytes: 100 });
    expect(proxy.writeCount()).toBe(2);

    await put(store, 'data/s/large', randomBytes(11 * mebibyte));

    // Begin, three parts, complete; the HEAD that checks it is no write.
    expect(proxy.writeCount()).toBe(7);
    expect(proxy.count('HeadObject')).toBe(1);
  });

  it('that write are one per create-only put, and one more in a long run to find out what is enforced', async () => {
    const store = await opened(await newBucket(server));
    for (let turn = 0; turn < 7; turn += 1)
      await put(store, `events/s/${turn}`, randomBytes(10), { createOnly: true });
    expect(proxy.writeCount()).toBe(7);
    expect(store.capabilities.conditionalCreate).toBe(false);

    await put(store, 'events/s/7', randomBytes(10), { createOnly: true });
    expect(proxy.writeCount()).toBe(9);
    expect(store.capabilities.conditionalCreate).toBe(true);
    proxy.clear();

    await put(store, 'events/s/8', randomBytes(10), { createOnly: true });
    expect(proxy.seen.map(({ operation }) => operation)).toEqual(['PutObject']);
  });

  it('are the same in put-only mode but for every reading one', async () => {
    const store = await opened(await newBucket(server), { putOnly: true });

    await put(store, 'data/s/small', randomBytes(10));
    await put(store, 'data/s/large', randomBytes(11 * mebibyte));
    await put(store, 'data/s/new', randomBytes(10), { createOnly: true });

    expect(proxy.seen.map(({ method }) => method)).not.toContain('GET');
    expect(proxy.seen.map(({ method }) => method)).not.toContain('HEAD');
    expect(proxy.seen.map(({ method }) => method)).not.toContain('DELETE');
  });

  it('overlap, so that latency does not add up', async () => {
    const store = await opened(await newBucket(server), { parallelParts: 8, partSize: 5 * mebibyte });
    await put(store, 'data/s/warm', randomBytes(10));
    proxy.latencyMs = 400;
    proxy.mostAtOnce = 0;

    await put(store, 'data/s/large', randomBytes(38 * mebibyte));

    expect(proxy.mostAtOnce).toBeGreaterThan(4);
  });
});

describe('memory', () => {
  it('stays within one part per put and the budget, whatever the sizes', async () => {
    const store = await openStore(server, await newBucket(server), {
      parallelParts: 8,
      uploadMemory: 10 * mebibyte,
    });
    open.push(store);
    const chunk = randomBytes(mebibyte);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    // What is held, without what only waits for the collector.
    const held = (): number => {
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    let peak = 0;
    const before = held();
    async function* body() {
      for (let turn = 0; turn < 60; turn += 1) {
        yield chunk;
        if (turn % 4 === 3) peak = Math.max(peak, held() - before);
      }
    }

    await Promise.all(['a', 'b'].map((name) => store.put({ key: `data/s/${name}`, body: body(), signal })));

    // Two puts: 2 × (part being filled + its copy while growing + part under way) and the budget.
    expect(peak).toBeLessThan(60 * mebibyte);
  });
});

describe('a bucket with versions', () => {
  it('gets its space back by remove, with and without a version', async () => {
    const bucket = await newBucket(server, { versions: true });
    const store = await opened(bucket);
    const versions = async () => {
      const page = await admin.send(new ListObjectVersionsCommand({ Bucket: bucket }));
      return { versions: page.Versions?.length ?? 0, markers: page.DeleteMarkers?.length ?? 0 };
    };
    const { version } = await put(store, 'data/s/a', randomBytes(10));
    await put(store, 'data/s/b', randomBytes(10));
    await put(store, 'data/s/large', randomBytes(6 * mebibyte));
    expect(await versions()).toEqual({ versions: 3, markers: 0 });

    await store.remove({ key: 'data/s/a', signal, version: version! });
    await store.remove({ key: 'data/s/b', signal });
    await store.remove({ key: 'data/s/b', signal });
    await store.remove({ key: 'data/s/large', signal });

    expect(await versions()).toEqual({ versions: 0, markers: 0 });
  });

  it('never shows a removed object again, though an older version is there', async () => {
    const store = await opened(await newBucket(server, { versions: true }));
    await put(store, 'data/s/a', randomBytes(10));
    await put(store, 'data/s/a', randomBytes(20));

    await store.remove({ key: 'data/s/a', signal });

    expect(await store.head({ key: 'data/s/a', signal })).toBeNull();
    expect((await store.list({ prefix: '', signal })).objects).toEqual([]);
  });

  it('gives an older version by its id', async () => {
    const store = await opened(await newBucket(server, { versions: true }));
    const { version } = await put(store, 'data/s/a', Buffer.from('first'));
    await put(store, 'data/s/a', Buffer.from('second'));
    const chunks: Uint8Array[] = [];

    for await (const chunk of store.get({ key: 'data/s/a', version: version!, signal })) chunks.push(chunk);

    expect(Buffer.concat(chunks).toString()).toBe('first');
  });

  it('lists past any number of old versions and markers', async () => {
    const store = await opened(await newBucket(server, { versions: true }));
    for (const name of ['a', 'b', 'c']) {
      for (let turn = 0; turn < 5; turn += 1) await put(store, `data/s/${name}`, randomBytes(turn));
    }
    await store.remove({ key: 'data/s/b', signal });
    const keys: string[] = [];
    let after: string | null = '';
    while (after !== null) {
      const request: Parameters<Store['list']>[0] = { prefix: 'data/', limit: 2, signal };
      const page = await store.list(after === '' ? request : { ...request, after });
      keys.push(...page.objects.map(({ key }) => key));
      after = page.next;
    }

    expect(keys).toEqual(['data/s/a', 'data/s/c']);
  });
});

describe('what is hidden', () => {
  it('is listed where that is asked for, or the listing fails: it never looks as if nothing were', async () => {
    const bucket = await newBucket(server, { versions: true });
    const store = await opened(bucket);
    await put(store, 'keys/s/a', randomBytes(10));
    await admin.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'fleet/keys/s/a' }));
    const hidden = async (on: Store) => {
      const { objects } = await on.list({ prefix: 'keys/', hidden: true, signal });
      return objects.map(({ key }) => key);
    };
    const answer = (status: number, code: string) => ({ kind: 'answer', status, code }) as const;
    const denied = answer(403, 'AccessDenied');

    proxy.play({ on: 'ListObjectVersions', fault: denied });
    await expect(hidden(store)).rejects.toMatchObject({
      code: 'STORE_DENIED',
      hint: expect.stringContaining('s3:ListBucketVersions'),
    });
    expect((await store.list({ prefix: 'keys/', signal })).objects).toEqual([]);

    proxy.play({ on: 'GetBucketSetting', times: 2, fault: denied });
    const blind = await opened(bucket);
    expect(await hidden(blind)).toEqual(['keys/s/a']);
    proxy.play({ on: 'ListObjectVersions', fault: answer(501, 'NotImplemented') });
    expect(await hidden(blind)).toEqual([]);
  });

  it('and whether there are versions is asked again where the service was overloaded before', async () => {
    const bucket = await newBucket(server, { versions: true });
    proxy.play({
      on: 'GetBucketSetting',
      times: 4,
      fault: { kind: 'answer', status: 503, code: 'SlowDown' },
    });
    const store = await opened(bucket);
    expect(store.capabilities.versions).toBe(false);

    await store.list({ prefix: 'keys/', signal });

    expect(store.capabilities.versions).toBe(true);
  });
});

describe('what is said of objects', () => {
  it('are its class and tags, in one request or in parts', async () => {
    const bucket = await newBucket(server);
    const store = await opened(bucket, { storageClass: 'STANDARD', tags: { 'paid by': 'ops & co', x: '1' } });

    await put(store, 'data/s/small', randomBytes(10));
    await put(store, 'data/s/large', randomBytes(6 * mebibyte));

    const where = { Bucket: bucket, Key: 'fleet/data/s/small' };
    const { TagSet } = await admin.send(new GetObjectTaggingCommand(where));
    expect(TagSet).toHaveLength(2);
    expect(TagSet).toContainEqual({ Key: 'paid by', Value: 'ops & co' });
    const info = { storageClass: 'STANDARD', readable: true };
    expect(await store.head({ key: 'data/s/small', signal })).toMatchObject(info);
    // Ceph 16 forgets the tags of uploads in parts, so look at what it was told.
    const begin = proxy.seen.find(({ operation }) => operation === 'CreateMultipartUpload');
    expect(begin?.headers).toMatchObject({
      'x-amz-tagging': 'paid%20by=ops%20%26%20co&x=1',
      'x-amz-storage-class': 'STANDARD',
    });
  });

  it('includes whether an archived object has been thawed', async () => {
    const store = await opened(await newBucket(server));
    const headers = { ETag: '"1"', 'x-amz-storage-class': 'DEEP_ARCHIVE' };
    const restored = {
      ...headers,
      'x-amz-restore': 'ongoing-request="false", expiry-date="Fri, 21 Dec 2029 00:00:00 GMT"',
    };
    proxy.play({ on: 'HeadObject', fault: { kind: 'answer', status: 200, headers } });
    proxy.play({ on: 'HeadObject', fault: { kind: 'answer', status: 200, headers: restored } });

    expect(await store.head({ key: 'data/s/cold', signal })).toMatchObject({
      readable: false,
      storageClass: 'DEEP_ARCHIVE',
    });
    expect(await store.head({ key: 'data/s/cold', signal })).toMatchObject({ readable: true });
  });

  it.each(['sha256', 'md5'])('is checked by the service with %s as well', async (checksum) => {
    const store = await opened(await newBucket(server), { checksum });
    const bytes = randomBytes(6 * mebibyte);
    proxy.play({ on: 'UploadPart', fault: { kind: 'corrupt' } });

    await put(store, 'data/s/large', bytes);

    expect(Buffer.compare(await read(store, 'data/s/large'), bytes)).toBe(0);
    expect(
      proxy.seen.filter(({ operation, status }) => operation === 'UploadPart' && status >= 400),
    ).toHaveLength(1);
  });
});

describe('left-over uploads', () => {
  it('of this server are aborted by the first put, if old enough; others are not touched', async () => {
    const bucket = await newBucket(server);
    const begin = (Key: string) => admin.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }));
    for (const key of ['fleet/data/mine/x', 'fleet/data/other/x', 'data/mine/x', 'unrelated'])
      await begin(key);
    const uploads = async () =>
      (await admin.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? [];
    const young = await openStore(server, bucket);
    await put(young, 'data/mine/y', randomBytes(10));
    await young.close();
    const left = await uploads();
    expect(left).toHaveLength(4);
    // Until all are older than a tenth of a second, by a clock that is told in whole ones.
    const oldAtMs = Math.max(...left.map(({ Initiated }) => Initiated!.getTime())) + 1100;
    await sleep(Math.max(0, oldAtMs - Date.now()));

    const store = await openStore(server, bucket, { abortUploadsAfterHours: 0.1 / 3600 });
    await put(store, 'data/mine/y', randomBytes(10));
    await store.close();

    expect((await uploads()).map(({ Key }) => Key)).toEqual([
      'data/mine/x',
      'fleet/data/other/x',
      'unrelated',
    ]);
  });
});
