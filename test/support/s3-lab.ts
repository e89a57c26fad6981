/**
 * The laboratory of the jobs on a bucket, and what another client finds there.
 */

import { rmSync } from 'node:fs';
import { s3Store } from '../../src/addins/s3/index.ts';
import { type Lab, type LabOptions, openLab } from './backup.ts';
import { danglingIn } from './copies.ts';
import type { S3Server } from './s3.ts';

const mebibyte = 1024 * 1024;

/** Small parts, so that a small tree has several; quick retries, so that trouble takes no minute. */
export function labSettings(server: S3Server, bucket: string): Readonly<Record<string, unknown>> {
  return {
    use: 's3',
    endpoint: server.endpoint,
    region: server.region,
    bucket,
    prefix: 'fleet/',
    accessKeyId: server.accessKey,
    secretAccessKey: server.secretKey,
    partSize: 5 * mebibyte,
    retryDelayMs: 10,
  };
}

export interface S3Lab extends Lab {
  /** Copies the bucket to `storePath` with rclone; gives the objects that manifests name and that are not whole. */
  fetchCopy(): Promise<string[]>;
}

/** State in `directory/state`. */
export async function openS3Lab(
  server: S3Server,
  directory: string,
  settings: Readonly<Record<string, unknown>>,
  options: LabOptions = {},
): Promise<S3Lab> {
  const lab = await openLab(directory, { ...options, store: await s3Store.open(settings) });
  return {
    ...lab,
    async fetchCopy() {
      rmSync(lab.storePath, { recursive: true, force: true });
      await server.rclone('copy', `s3:${settings['bucket']}/fleet`, lab.storePath);
      return danglingIn(lab.storePath);
    },
  };
}
