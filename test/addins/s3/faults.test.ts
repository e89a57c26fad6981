/** Every fault on the way ends correct or failed with the right code; rclone says what is in the bucket. */

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkedStore } from '../../../src/core/checked-store.ts';
import type { Store } from '../../../src/core/index.ts';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy.ts';
import type { Fault, Rule } from '../../support/faults.ts';
import { type S3Server, startS3 } from '../../support/s3.ts';
import { mebibyte, newBucket, openStore, put, read, seenByRclone, signal } from './bench-of-store.ts';

let server: S3Server;
let proxy: FaultProxy;
let bucket: string;
let store: Store;

const small = randomBytes(20_000);
const large = randomBytes(6 * mebibyte + 5);

beforeAll(async () => {
  server = await startS3();
  proxy = await startFaultProxy(server.endpoint);
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});
beforeEach(async () => {
  proxy.clear();
  bucket = await newBucket(server);
  store = await openStore(server, bucket, { endpoint: proxy.endpoint, timeoutSeconds: 0.7 });
  return () => store.close();
});

const passing: readonly { readonly name: string; readonly fault: Fault }[] = [
  { name: '500', fault: { kind: 'answer', status: 500, code: 'InternalError' } },
  { name: '502 without a body', fault: { kind: 'answer', status: 502 } },
  { name: '503 SlowDown', fault: { kind: 'answer', status: 503, code: 'SlowDown' } },
  { name: '429', fault: { kind: 'answer', status: 429, code: 'TooManyRequests' } },
  { name: '400 RequestTimeout', fault: { kind: 'answer', status: 400, code: 'RequestTimeout' } },
  { name: 'a connection closed before the request arrives', fault: { kind: 'drop', when: 'before' } },
  { name: 'an answer lost after success', fault: { kind: 'drop', when: 'after' } },
  { name: 'a service that says nothing', fault: { kind: 'stall' } },
  { name: '200 with an error in the body', fault: { kind: 'error-in-success' } },
  { name: '200 with an error in the body after success', fault: { kind: 'error-in-success', forward: true } },
  { name: 'a byte changed on the way', fault: { kind: 'corrupt' } },
];

/** One status stands for all, where all take the same way through the client. */
const kinds = passing.filter(({ name, fault }) => fault.kind !== 'answer' || name === '503 SlowDown');

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function expectInBucket(objects: Readonly<Record<string, Uint8Array>>): Promise<void> {
  const wanted = Object.entries(objects).map(([key, bytes]) => [`fleet/${key}`, hash(bytes)] as const);
  expect(await seenByRclone(server, bucket)).toEqual(new Map(wanted));
}

async function code(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'success',
    (error: { code?: unknown }) => error.code,
  );
}

describe('a put of one request', () => {
  it.each(passing)('survives $name, twice', async ({ fault }) => {
    proxy.play({ on: 'PutObject', times: 2, fault });

    expect(await put(store, 'data/s/small', small)).toMatchObject({ sizeBytes: small.length });

    expect(proxy.count('PutObject')).toBe(3);
    await expectInBucket({ 'data/s/small': small });
  });

  it.each(kinds)('creates once through $name', async ({ fault }) => {
    proxy.play({ on: 'PutObject', fault });

    expect(await code(put(store, 'data/s/small', small, { createOnly: true }))).toBe('success');
    expect(await code(put(store, 'data/s/small', small, { createOnly: true }))).toBe('OBJECT_EXISTS');

    await expectInBucket({ 'data/s/small': small });
  });

  it.each(
    passing.filter(
      ({ fault }) => fault.kind === 'answer' || fault.kind === 'stall' || fault.kind === 'corrupt',
    ),
  )('fails with STORE_UNAVAILABLE where $name never ends', async ({ fault }) => {
    proxy.play({ on: 'PutObject', times: Number.POSITIVE_INFINITY, fault });

    expect(await code(put(store, 'data/s/small', small))).toBe('STORE_UNAVAILABLE');

    expect(proxy.count('PutObject')).toBe(4);
    await expectInBucket({});
  });

  it.each([
    { status: 403, error: 'AccessDenied', wanted: 'STORE_DENIED' },
    { status: 403, error: 'InvalidAccessKeyId', wanted: 'STORE_DENIED' },
    { status: 400, error: 'ExpiredToken', wanted: 'STORE_DENIED' },
    { status: 403, error: 'QuotaExceeded', wanted: 'STORE_FULL' },
    { status: 507, error: 'InsufficientStorage', wanted: 'STORE_FULL' },
    { status: 301, error: 'PermanentRedirect', wanted: 'CONFIG_INVALID' },
    { status: 404, error: 'NoSuchBucket', wanted: 'STORE_UNAVAILABLE' },
  ])('calls $status $error $wanted at once', async ({ status, error, wanted }) => {
    proxy.play({ on: 'PutObject', fault: { kind: 'answer', status, code: error } });

    expect(await code(put(store, 'data/s/small', small))).toBe(wanted);

    expect(proxy.count('PutObject')).toBe(1);
  });

  it('does not take the repetition of its own lost write for another writer', async () => {
    const other = await openStore(server, bucket);
    proxy.play({ on: 'PutObject', fault: { kind: 'drop', when: 'after' } });

    const result = await put(store, 'data/s/mine', small, { createOnly: true });

    expect(result.sizeBytes).toBe(small.length);
    expect(result.storedAtMs).toBeGreaterThan(0);
    expect(await code(put(other, 'data/s/mine', small, { createOnly: true }))).toBe('OBJECT_EXISTS');
    await other.close();
  });

  it('says that it cannot tell where an answer is lost and nothing may be read', async () => {
    const writer = await openStore(server, bucket, { endpoint: proxy.endpoint, putOnly: true });
    proxy.play({ on: 'PutObject', fault: { kind: 'drop', when: 'after' } });

    expect(await code(put(writer, 'data/s/mine', small, { createOnly: true }))).toBe('STORE_UNAVAILABLE');
    expect(await code(put(writer, 'data/s/mine', small, { createOnly: true }))).toBe('OBJECT_EXISTS');

    await writer.close();
  });
});

describe('a put in parts', () => {
  const operations = ['CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload'] as const;
  const cases = operations.flatMap((on) => kinds.map(({ name, fault }) => ({ on, name, fault })));

  it.each(cases)('survives $name for $on', async ({ on, fault }) => {
    // The XML of a changed CompleteMultipartUpload is refused as the client's mistake; that is a failure.
    const rule: Rule = { on, fault };
    proxy.play(rule);

    const outcome = await code(put(store, 'data/s/large', large));

    if (fault.kind === 'corrupt' && on === 'CompleteMultipartUpload') {
      expect(['success', 'STORE_UNAVAILABLE', 'STORE_DENIED']).toContain(outcome);
      await expectInBucket(outcome === 'success' ? { 'data/s/large': large } : {});
      return;
    }
    expect(outcome).toBe('success');
    await expectInBucket({ 'data/s/large': large });
  });

  it.each(operations)('leaves nothing where %s never succeeds, not even an upload', async (on) => {
    const fault = { kind: 'answer', status: 503, code: 'SlowDown' } as const;
    proxy.play({ on, times: Number.POSITIVE_INFINITY, fault });

    expect(await code(put(store, 'data/s/large', large))).toBe('STORE_UNAVAILABLE');

    await expectInBucket({});
    expect(proxy.count('AbortMultipartUpload')).toBe(on === 'CreateMultipartUpload' ? 0 : 1);
    expect(JSON.parse(await server.rclone('backend', 'list-multipart-uploads', `s3:${bucket}`))).toEqual({
      [bucket]: [],
    });
  });

  it('creates once although the answer to the last request is lost', async () => {
    proxy.play({ on: 'CompleteMultipartUpload', times: 4, fault: { kind: 'drop', when: 'after' } });

    expect(await code(put(store, 'data/s/large', large, { createOnly: true }))).toBe('success');
    expect(await code(put(store, 'data/s/large', large, { createOnly: true }))).toBe('OBJECT_EXISTS');
  });

  it('finds that the service has lost a part', async () => {
    proxy.play({
      on: 'HeadObject',
      fault: { kind: 'answer', status: 200, headers: { ETag: '"1"', 'x-amz-meta-holdfast-write': 'w' } },
    });
    const suspicious = await openStore(server, bucket, { endpoint: proxy.endpoint }, () => 'w');

    expect(await code(put(suspicious, 'data/s/large', large))).toBe('OBJECT_DAMAGED');

    await expectInBucket({});
    await suspicious.close();
  });
});

describe('a get', () => {
  beforeEach(async () => {
    await put(store, 'data/s/large', large);
    proxy.clear();
  });

  const ways: readonly { readonly name: string; readonly fault: Fault }[] = [
    ...kinds.filter(
      ({ fault }) =>
        fault.kind !== 'corrupt' && !(fault.kind === 'error-in-success' && fault.forward === true),
    ),
    { name: 'a body that breaks', fault: { kind: 'cut', bytes: 5_000_003 } },
    { name: 'a body that breaks at once', fault: { kind: 'cut', bytes: 0 } },
    { name: 'a body that stalls', fault: { kind: 'cut', bytes: 3_000_001, end: 'silence' } },
    { name: 'a length told too large', fault: { kind: 'length', difference: 1000 } },
  ];

  it.each(ways)('gives every byte through $name', async ({ name, fault }) => {
    proxy.play({ on: 'GetObject', times: 2, fault });

    const outcome = await read(store, 'data/s/large').catch((error: { code?: string }) => error.code);

    // A length that is wrong for good is believed first and found out at the end.
    if (name === 'a length told too large') expect(outcome).toBe('OBJECT_DAMAGED');
    else expect(Buffer.compare(outcome as Buffer, large)).toBe(0);
  });

  it('gives every byte of a range through a body that breaks', async () => {
    proxy.play({ on: 'GetObject', times: 3, fault: { kind: 'cut', bytes: 999_999 } });

    const part = await read(store, 'data/s/large', { offset: 12_345, length: 4_000_000 });

    expect(Buffer.compare(part, large.subarray(12_345, 4_012_345))).toBe(0);
    expect(proxy.count('GetObject')).toBe(4);
  });

  it('fails where the body breaks at the same place again and again', async () => {
    proxy.play({ on: 'GetObject', times: Number.POSITIVE_INFINITY, fault: { kind: 'cut', bytes: 0 } });

    expect(await code(read(store, 'data/s/large'))).toBe('STORE_UNAVAILABLE');
    expect(proxy.count('GetObject')).toBe(4);
  });

  it('refuses a range that is not the one it asked for', async () => {
    proxy.play({ on: 'GetObject', fault: { kind: 'answer', status: 200, headers: { ETag: '"1"' } } });

    expect(await code(read(store, 'data/s/large', { offset: 5, length: 10 }))).toBe('OBJECT_DAMAGED');
  });

  it('says that an object is archived', async () => {
    proxy.play({ on: 'GetObject', fault: { kind: 'answer', status: 403, code: 'InvalidObjectState' } });

    await expect(read(store, 'data/s/large')).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      hint: expect.stringContaining('archive'),
    });
  });
});

describe('a listing', () => {
  it.each([
    ...passing.filter(({ fault }) => fault.kind !== 'corrupt'),
    { name: 'a cut answer', fault: { kind: 'cut', bytes: 400 } as Fault },
  ])('survives $name', async ({ fault }) => {
    for (const name of ['a', 'b', 'c']) await put(store, `data/s/${name}`, small);
    proxy.play({ on: 'ListObjectsV2', fault });

    const page = await store.list({ prefix: 'data/', signal });

    expect(page.objects.map(({ key }) => key)).toEqual(['data/s/a', 'data/s/b', 'data/s/c']);
  });

  it('survives an answer cut short with a matching length', async () => {
    for (const name of ['a', 'b', 'c']) await put(store, `data/s/${name}`, small);
    proxy.play({ on: 'ListObjectsV2', fault: { kind: 'shorten', bytes: 500 } });

    const page = await store.list({ prefix: 'data/', signal });

    expect(page.objects.map(({ key }) => key)).toEqual(['data/s/a', 'data/s/b', 'data/s/c']);
  });

  it('shows what a stale service shows, and the object itself is still found', async () => {
    expect((await store.list({ prefix: 'data/', signal })).objects).toEqual([]);
    await put(store, 'data/s/new', small);
    proxy.play({ on: 'ListObjectsV2', fault: { kind: 'stale' } });

    expect((await store.list({ prefix: 'data/', signal })).objects).toEqual([]);
    expect(await store.head({ key: 'data/s/new', signal })).toMatchObject({ sizeBytes: small.length });
  });

  it('goes on after a page without keys', async () => {
    for (const name of ['a', 'b']) await put(store, `data/s/${name}`, small);
    const body =
      '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>fleet/data/s/a</NextContinuationToken></ListBucketResult>';
    proxy.play({ on: 'ListObjectsV2', fault: { kind: 'answer', status: 200, body } });

    // Of Ceph a key is a token.
    expect(await store.list({ prefix: 'data/', signal })).toMatchObject({
      objects: [{ key: 'data/s/b' }],
      next: null,
    });
    const endless = body.replace(/<NextC.*Token>/, '');
    proxy.play({ on: 'ListObjectsV2', fault: { kind: 'answer', status: 200, body: endless } });
    expect(await code(store.list({ prefix: 'data/', signal }))).toBe('STORE_UNAVAILABLE');
  });

  it.each([
    { name: 'ignores `after`', keys: ['data/s/a', 'data/s/c'] },
    { name: 'lists out of order', keys: ['data/s/d', 'data/s/c'] },
    { name: 'lists a key twice', keys: ['data/s/c', 'data/s/c'] },
    { name: 'lists beside the prefix', keys: ['data/t/a'] },
  ])('refuses a service that $name', async ({ keys }) => {
    const contents = keys.map((key) => `<Contents><Key>fleet/${key}</Key><Size>1</Size></Contents>`).join('');
    const body = `<ListBucketResult><IsTruncated>false</IsTruncated>${contents}</ListBucketResult>`;
    proxy.play({ on: 'ListObjectsV2', fault: { kind: 'answer', status: 200, body } });

    expect(await code(checkedStore(store).list({ prefix: 'data/s/', after: 'data/s/b', signal }))).toBe(
      'STORE_UNSOUND',
    );
  });
});

describe('an outage', () => {
  it('is waited for by a put that is under way', async () => {
    const patient = await openStore(server, bucket, { maxAttempts: 12, retryDelayMs: 100 });
    async function* slowly() {
      yield large.subarray(0, 5 * mebibyte + 1);
      await server.down();
      setTimeout(() => void server.up(), 700);
      yield large.subarray(5 * mebibyte + 1);
    }

    await patient.put({ key: 'data/s/large', body: slowly(), signal });

    await expectInBucket({ 'data/s/large': large });
    await patient.close();
  });

  it.each(['<html>no such page</html>', 'no such page', ''])(
    'is no S3 where all it says is %j',
    async (text) => {
      const web = createServer((request, response) => {
        request.resume().on('end', () => response.writeHead(404).end(text));
      }).listen(0, '127.0.0.1');
      await once(web, 'listening');
      const endpoint = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
      const wrong = await openStore(server, bucket, { endpoint });

      for (const [what, work] of [
        ['get a', () => read(wrong, 'a')],
        ['put a', () => put(wrong, 'a', small)],
        ['list everything', () => wrong.list({ prefix: '', signal })],
      ] as const) {
        await expect(work()).rejects.toMatchObject({
          code: 'STORE_UNAVAILABLE',
          message: `cannot ${what} in bucket ${bucket}: what answers there does not answer like S3`,
          hint: expect.stringContaining('"endpoint"'),
        });
      }
      await wrong.close();
      web.close();
    },
  );

  it('fails with STORE_UNAVAILABLE where it does not end, and opening alone is no error', async () => {
    await server.down();
    const away = await openStore(server, bucket, { maxAttempts: 2 });

    expect(await code(put(away, 'data/s/small', small))).toBe('STORE_UNAVAILABLE');
    expect(await code(read(away, 'data/s/small'))).toBe('STORE_UNAVAILABLE');

    await away.close();
    await server.up();
  });
});
