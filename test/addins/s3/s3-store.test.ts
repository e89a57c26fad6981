import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import {
  CreateMultipartUploadCommand,
  GetObjectTaggingCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../../src/core/index.ts';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy.ts';
import { type S3Server, startS3 } from '../../support/s3.ts';
import { adminClient, bodyOf, mebibyte, newBucket, openStore, put, read, signal } from './bench-of-store.ts';

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

const failure = (work: Promise<unknown>) =>
  work.then(
    () => ({ code: 'success' }),
    (error: Error & { code?: string; hint?: string }) => error,
  );

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
    const started = performance.now();

    await put(store, 'data/s/large', randomBytes(38 * mebibyte));

    // Begin, parts, complete, check: four round trips, not eleven.
    expect(performance.now() - started).toBeLessThan(8 * 400);
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
    let peak = 0;
    const before = process.memoryUsage().arrayBuffers;
    async function* body() {
      for (let turn = 0; turn < 60; turn += 1) {
        yield chunk;
        peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
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
    const left = async () => {
      const { Uploads } = await admin.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return Uploads?.map(({ Key }) => Key);
    };
    const young = await openStore(server, bucket);
    await put(young, 'data/mine/y', randomBytes(10));
    await young.close();
    expect(await left()).toHaveLength(4);
    await new Promise((resolve) => setTimeout(resolve, 1100));

    const store = await openStore(server, bucket, { abortUploadsAfterHours: 0.5 / 3600 });
    await put(store, 'data/mine/y', randomBytes(10));
    await store.close();

    expect(await left()).toEqual(['data/mine/x', 'fleet/data/other/x', 'unrelated']);
  });
});

describe('rights', () => {
  it('to list buckets or to look at the bucket are not needed', async () => {
    const bucket = await newBucket(server);
    const writer = await newUser('w1');
    await allow(bucket, 'w1', [
      's3:PutObject',
      's3:GetObject',
      's3:DeleteObject',
      's3:AbortMultipartUpload',
      's3:ListBucket',
    ]);
    const store = await opened(bucket, writer);
    const bytes = randomBytes(6 * mebibyte);

    await put(store, 'data/s/a', bytes, { createOnly: true });

    expect(Buffer.compare(await read(store, 'data/s/a'), bytes)).toBe(0);
    expect((await store.list({ prefix: '', signal })).objects).toHaveLength(1);
    await store.remove({ key: 'data/s/a', signal });
    expect(await store.head({ key: 'data/s/a', signal })).toBeNull();
  });

  it('to put alone are enough to put, and the rest is STORE_DENIED', async () => {
    const bucket = await newBucket(server);
    const writer = await newUser('w2');
    await allow(bucket, 'w2', ['s3:PutObject']);
    const store = await opened(bucket, { ...writer, putOnly: true });

    await put(store, 'data/s/a', randomBytes(6 * mebibyte));
    await put(store, 'data/s/b', randomBytes(10), { createOnly: true });
    expect(await failure(put(store, 'data/s/b', randomBytes(10), { createOnly: true }))).toMatchObject({
      code: 'OBJECT_EXISTS',
    });

    // Ceph lets the owner of an object read it, so look at another's.
    await put(await opened(bucket), 'data/s/c', randomBytes(10));
    for (const work of [
      () => read(store, 'data/s/c'),
      () => store.head({ key: 'data/s/c', signal }),
      () => store.list({ prefix: '', signal }),
      () => store.remove({ key: 'data/s/c', signal }),
    ]) {
      expect(await failure(work())).toMatchObject({ code: 'STORE_DENIED' });
    }
  });

  it('that docs/s3.md gives a writer are enough to put, and only below its own server', async () => {
    const bucket = await newBucket(server);
    const keys = await newUser('w4');
    await grant(bucket, 'w4', documentedPolicy(0, bucket));
    const store = await opened(bucket, { ...keys, putOnly: true });
    await put(await opened(bucket), 'data/mine/by-another', randomBytes(10));

    await put(store, 'data/mine/large', randomBytes(6 * mebibyte), { createOnly: true });
    await put(store, 'manifests/mine/small', randomBytes(10), { createOnly: true });

    for (const work of [
      () => put(store, 'data/other/x', randomBytes(10)),
      () => put(store, 'holdfast.json', randomBytes(10)),
      () => read(store, 'data/mine/by-another'),
      () => store.list({ prefix: 'data/mine/', signal }),
      () => store.remove({ key: 'data/mine/large', signal }),
    ]) {
      expect(await failure(work())).toMatchObject({ code: 'STORE_DENIED' });
    }
  });

  it('that docs/s3.md gives a reader are enough to read, and no more', async () => {
    const bucket = await newBucket(server, { versions: true });
    const keys = await newUser('reader');
    await put(await opened(bucket), 'data/mine/x', Buffer.from('bytes'));
    await grant(bucket, 'reader', documentedPolicy(1, bucket));
    const store = await opened(bucket, keys);

    expect(store.capabilities.versions).toBe(true);
    expect((await read(store, 'data/mine/x')).toString()).toBe('bytes');
    expect(await store.head({ key: 'data/mine/absent', signal })).toBeNull();
    expect((await store.list({ prefix: 'data/', signal })).objects).toHaveLength(1);
    for (const work of [
      () => put(store, 'data/mine/y', randomBytes(10)),
      () => store.remove({ key: 'data/mine/x', signal }),
    ]) {
      expect(await failure(work())).toMatchObject({ code: 'STORE_DENIED' });
    }
  });

  it('that are missing, wrong keys and a full quota have codes of their own', async () => {
    const bucket = await newBucket(server);
    const stranger = await newUser('w3');
    const cases = [
      { settings: stranger, code: 'STORE_DENIED' },
      { settings: { ...stranger, secretAccessKey: 'wrong' }, code: 'STORE_DENIED' },
      { settings: { accessKeyId: 'nobody', secretAccessKey: 'wrong' }, code: 'STORE_DENIED' },
      { settings: { bucket: 'no-such-bucket' }, code: 'STORE_UNAVAILABLE' },
    ];
    for (const { settings, code } of cases) {
      expect(await failure(put(await opened(bucket, settings), 'data/s/a', randomBytes(10)))).toMatchObject({
        code,
      });
    }
    await server.admin(
      'quota',
      'set',
      '--uid=tester',
      '--bucket',
      bucket,
      '--quota-scope=bucket',
      '--max-objects=1',
    );
    await server.admin('quota', 'enable', '--uid=tester', '--bucket', bucket, '--quota-scope=bucket');
    const store = await opened(bucket);

    const outcomes = [];
    for (const name of ['a', 'b', 'c'])
      outcomes.push(await failure(put(store, `data/s/${name}`, randomBytes(10))));

    expect(outcomes.at(-1)).toMatchObject({ code: 'STORE_FULL' });
  });

  it('come from the usual chain and are renewed in the middle of a run', async () => {
    const bucket = await newBucket(server);
    let keys = await newUser('chain');
    await allow(bucket, 'chain', ['s3:PutObject', 's3:GetObject']);
    // As in a container with a role: the address of keys that expire.
    const role = createServer((_, response) => {
      const { accessKeyId, secretAccessKey } = keys;
      const Expiration = new Date(Date.now() + 60_000).toISOString();
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({ AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: '', Expiration }),
      );
    });
    role.listen(0, '127.0.0.1');
    await once(role, 'listening');
    const { port } = role.address() as AddressInfo;
    const saved = { ...process.env };
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
    process.env['AWS_CONTAINER_CREDENTIALS_FULL_URI'] = `http://127.0.0.1:${port}/`;
    process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
    try {
      const store = await opened(bucket, { accessKeyId: undefined, secretAccessKey: undefined });
      const bytes = randomBytes(16 * mebibyte);
      async function* body() {
        yield* bodyOf(bytes.subarray(0, 6 * mebibyte));
        const old = keys.accessKeyId;
        await server.admin(
          'key',
          'create',
          '--uid=chain',
          '--access-key=renewed',
          '--secret-key=renewed-secret',
        );
        keys = { accessKeyId: 'renewed', secretAccessKey: 'renewed-secret' };
        // As a role does it: the old keys are good for a while after there are new ones.
        yield* bodyOf(bytes.subarray(6 * mebibyte, 11 * mebibyte));
        const parts = () =>
          proxy.seen.filter((entry) => entry.operation === 'UploadPart' && entry.status === 200);
        while (parts().length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
        await server.admin('key', 'rm', '--uid=chain', `--access-key=${old}`);
        yield* bodyOf(bytes.subarray(11 * mebibyte));
      }

      await store.put({ key: 'data/s/a', body: body(), signal });

      expect(Buffer.compare(await read(store, 'data/s/a'), bytes)).toBe(0);
    } finally {
      process.env = saved;
      role.close();
    }
  });

  it('never show in an error', async () => {
    const bucket = await newBucket(server);
    const secrets = {
      accessKeyId: 'AKIASECRETID',
      secretAccessKey: 'verysecret',
      sessionToken: 'tokensecret',
    };
    const store = await opened(bucket, secrets);

    for (const work of [
      () => put(store, 'data/s/a', randomBytes(10)),
      () => read(store, 'data/s/a'),
      () => store.list({ prefix: '', signal }),
    ]) {
      const shown = inspect(await failure(work()), { depth: 20, showHidden: true });

      expect(shown).toContain('STORE_DENIED');
      expect(shown).not.toMatch(/AKIASECRETID|verysecret|tokensecret|Authorization/i);
    }
  });
});

async function newUser(name: string): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  const keys = { accessKeyId: `${name}-key`, secretAccessKey: `${name}-${randomBytes(8).toString('hex')}` };
  await server.admin(
    'user',
    'create',
    `--uid=${name}`,
    `--display-name=${name}`,
    `--access-key=${keys.accessKeyId}`,
    `--secret-key=${keys.secretAccessKey}`,
  );
  return keys;
}

async function allow(bucket: string, user: string, actions: readonly string[]): Promise<void> {
  const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
  await grant(bucket, user, [{ Effect: 'Allow', Action: actions, Resource }]);
}

async function grant(bucket: string, user: string, statements: readonly object[]): Promise<void> {
  const Principal = { AWS: [`arn:aws:iam:::user/${user}`] };
  const Statement = statements.map((statement) => ({ ...statement, Principal }));
  await admin.send(
    new PutBucketPolicyCommand({
      Bucket: bucket,
      Policy: JSON.stringify({ Version: '2012-10-17', Statement }),
    }),
  );
}

/** Statements of the n-th policy in docs/s3.md, for this bucket and the server `mine`. */
function documentedPolicy(index: number, bucket: string): readonly object[] {
  const policies = readFileSync('docs/s3.md', 'utf8').match(/^\{ "Version"[^`]*/gm) ?? [];
  const text = policies[index]!.replaceAll('panel-backups', bucket).replaceAll('SERVER', 'mine');
  return (JSON.parse(text) as { Statement: object[] }).Statement;
}
