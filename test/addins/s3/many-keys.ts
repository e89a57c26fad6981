/** Fills a bucket with very many keys and lists them in a process of its own. */

import { spawn } from 'node:child_process';
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { PutBucketAclCommand } from '@aws-sdk/client-s3';
import type { S3Server } from '../../support/s3.ts';
import { adminClient, newBucket } from './bench-of-store.ts';

const lister = fileURLToPath(new URL('list-everything.ts', import.meta.url));

export interface Listing {
  readonly keys: number;
  readonly ordered: boolean;
  /** Bytes by which the process was ever larger than with the store just opened. */
  readonly grownBytes: number;
}

/** Unsigned requests to a bucket open to all: four times as fast as through a client. */
export async function bucketOfKeys(server: S3Server, count: number): Promise<string> {
  const bucket = await newBucket(server);
  const client = adminClient(server);
  await client.send(new PutBucketAclCommand({ Bucket: bucket, ACL: 'public-read-write' }));
  client.destroy();
  const agent = new Agent({ keepAlive: true, maxSockets: 96 });
  const { hostname, port } = new URL(server.endpoint);
  const put = (index: number) =>
    new Promise<void>((resolve, reject) => {
      const path = `/${bucket}/data/${index % 400}/${String(index).padStart(7, '0')}-00000.tar.zst`;
      const outgoing = request({
        agent,
        hostname,
        port,
        method: 'PUT',
        path,
        headers: { 'content-length': 0 },
      });
      outgoing.on('response', (response) => {
        response.resume();
        response.on(
          'end',
          response.statusCode === 200 ? resolve : () => reject(new Error(`${response.statusCode}`)),
        );
      });
      outgoing.on('error', reject);
      outgoing.end();
    });
  let next = 0;
  const lane = async () => {
    while (next < count) {
      next += 1;
      await put(next);
    }
  };
  await Promise.all(Array.from({ length: 96 }, lane));
  agent.destroy();
  return bucket;
}

export async function listInOwnProcess(server: S3Server, bucket: string): Promise<Listing> {
  const child = spawn(process.execPath, [lister], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { endpoint, region, accessKey: accessKeyId, secretKey: secretAccessKey } = server;
  child.stdin.end(JSON.stringify({ use: 's3', endpoint, region, bucket, accessKeyId, secretAccessKey }));
  return JSON.parse(await text(child.stdout)) as Listing;
}
