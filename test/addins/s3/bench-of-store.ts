/** What the tests of the s3 store share: buckets, stores over them, bodies, and looking from outside. */

import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { s3Store } from '../../../src/addins/s3/index.ts';
import { openS3Store } from '../../../src/addins/s3/s3-store.ts';
import { readSettings } from '../../../src/addins/s3/settings.ts';
import type { Store } from '../../../src/core/index.ts';
import type { S3Server } from '../../support/s3.ts';

export const mebibyte = 1024 * 1024;
export const signal = new AbortController().signal;

export function adminClient(server: S3Server, endpoint = server.endpoint): S3Client {
  return new S3Client({
    endpoint,
    region: server.region,
    forcePathStyle: true,
    credentials: { accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
}

let buckets = 0;

export async function newBucket(
  server: S3Server,
  options: { versions?: boolean; lock?: boolean } = {},
): Promise<string> {
  buckets += 1;
  const name = `bucket-${buckets}`;
  const client = adminClient(server);
  await client.send(
    new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: options.lock === true }),
  );
  if (options.versions === true) {
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration }));
  }
  client.destroy();
  return name;
}

/** Quick to retry, so that tests of failures take no minute. */
export function openStore(
  server: S3Server,
  bucket: string,
  settings: Readonly<Record<string, unknown>> = {},
  newId?: () => string,
): Promise<Store> {
  const all = {
    use: 's3',
    endpoint: server.endpoint,
    region: server.region,
    bucket,
    prefix: 'fleet/',
    accessKeyId: server.accessKey,
    secretAccessKey: server.secretKey,
    partSize: 5 * mebibyte,
    maxAttempts: 4,
    retryDelayMs: 5,
    ...settings,
  };
  return newId === undefined ? s3Store.open(all) : openS3Store(readSettings(all), newId);
}

export async function* bodyOf(bytes: Uint8Array, chunk = 300_001): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
}

export function put(
  store: Store,
  key: string,
  bytes: Uint8Array,
  extra: { createOnly?: boolean; sizeBytes?: number } = {},
) {
  return store.put({ key, body: bodyOf(bytes), signal, ...extra });
}

export async function read(
  store: Store,
  key: string,
  range?: { offset: number; length: number },
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.get({ key, signal, ...(range === undefined ? {} : { range }) }))
    chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The bytes as rclone reads them: hexadecimal SHA-256 by key, all objects of the bucket. */
export async function seenByRclone(server: S3Server, bucket: string): Promise<Map<string, string>> {
  const text = await server.rclone('hashsum', 'sha256', '--download', `s3:${bucket}`);
  const lines = text.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
}

/** After so many small create-only puts the store knows whether the service enforces them. */
export async function findOutCreateOnly(store: Store): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) {
    await put(store, `first/puts/${turn}`, new Uint8Array(10), { createOnly: true });
  }
}
