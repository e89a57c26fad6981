/**
 * What every operation of the store needs: the client, the bucket, its prefix, and what has been
 * found out about the service so far.
 *
 * Operations work with the service's own errors; `named` turns them into ours at the boundary.
 */

import type { S3Client } from '@aws-sdk/client-s3';
import { throwIfInterrupted } from '../../core/index.ts';
import { asFailure } from './failures.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { PartBuffers } from './part-buffers.ts';
import type { ServiceClock } from './service-clock.ts';
import type { S3Settings } from './settings.ts';

/** `unknown` until an answer of the service settles it. */
export type Finding = 'unknown' | 'yes' | 'no';

export interface Findings {
  versions: Finding;
  /** The bucket can lock objects. */
  objectLock: Finding;
  /** It locks every new object by itself. */
  locksByDefault: boolean;
  /** The service refuses `PutObject` with If-None-Match where the key exists. */
  conditionalPut: Finding;
  /** The same for `CompleteMultipartUpload`. */
  conditionalComplete: Finding;
  /** Small create-only puts so far that could have told, but were not asked to. */
  createOnlyPuts: number;
}

export interface Bucket {
  readonly client: S3Client;
  readonly settings: S3Settings;
  readonly memory: MemoryBudget;
  readonly buffers: PartBuffers;
  readonly clock: ServiceClock;
  readonly findings: Findings;
  /** Ids that tell our own writes from those of others. */
  readonly newId: () => string;
}

export interface Call {
  readonly abortSignal: AbortSignal;
}

/** Bucket and full key, as every command takes them. */
export function at(bucket: Bucket, key: string): { Bucket: string; Key: string } {
  return { Bucket: bucket.settings.bucket, Key: bucket.settings.prefix + key };
}

/** Runs an operation; whatever it throws comes out as an error of ours that says `what` was tried. */
export async function named<T>(
  bucket: Bucket,
  what: string,
  signal: AbortSignal,
  operation: () => Promise<T>,
): Promise<T> {
  const full = inBucket(bucket, what);
  throwIfInterrupted(signal, full);
  try {
    return await operation();
  } catch (error) {
    throw asFailure(error, full, signal);
  }
}

export function inBucket(bucket: Bucket, what: string): string {
  return `${what} in bucket ${bucket.settings.bucket}`;
}

/** Version ids are text of the service; `null` is what it calls the version of an unversioned write. */
export function versionOf(bucket: Bucket, versionId: string | undefined): string | null {
  if (versionId === undefined) return null;
  if (versionId !== 'null') bucket.findings.versions = 'yes';
  return versionId;
}
