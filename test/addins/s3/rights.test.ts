/** Rights, keys and quotas on a real service: what suffices, what each lack is called, and what is never shown. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { PutBucketPolicyCommand, type S3Client } from '@aws-sdk/client-s3';
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
