/**
 * The bucket as set-up sees it: clients of its own, and the settings that matter to backups.
 *
 * Reads only. Trials that are meant to fail go through `once`, which never repeats a request and adds no
 * checksum of its own.
 */

import {
  GetBucketLifecycleConfigurationCommand,
  type GetBucketLifecycleConfigurationCommandOutput,
  GetBucketVersioningCommand,
  type GetBucketVersioningCommandOutput,
  GetObjectLockConfigurationCommand,
  type GetObjectLockConfigurationCommandOutput,
  GetPublicAccessBlockCommand,
  type GetPublicAccessBlockCommandOutput,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Call } from '../bucket.ts';
import { makeClient } from '../client.ts';
import type { S3Settings } from '../settings.ts';
import { ask, noBucket, type Told } from './ask.ts';

export interface Place {
  readonly client: S3Client;
  /** Makes one attempt per request. */
  readonly once: S3Client;
  readonly settings: S3Settings;
  readonly where: { readonly Bucket: string };
}

export interface Facts {
  readonly versioning: Told<GetBucketVersioningCommandOutput>;
  readonly lifecycle: Told<GetBucketLifecycleConfigurationCommandOutput>;
  readonly publicAccess: Told<GetPublicAccessBlockCommandOutput>;
  readonly objectLock: Told<GetObjectLockConfigurationCommandOutput>;
}

export function openPlace(settings: S3Settings): Place {
  return {
    client: makeClient(settings),
    once: makeClient({ ...settings, maxAttempts: 1, checksum: 'signed' }),
    settings,
    where: { Bucket: settings.bucket },
  };
}

/** `unknown`: the credentials may neither ask nor list, as those of a writer. */
export async function bucketState(place: Place, call: Call): Promise<'present' | 'absent' | 'unknown'> {
  const { client, where, settings } = place;
  for (const command of [
    () => client.send(new GetBucketVersioningCommand(where), call),
    () => client.send(new ListObjectsV2Command({ ...where, Prefix: settings.prefix, MaxKeys: 1 }), call),
  ]) {
    const { state } = await ask<unknown>(command(), noBucket);
    if (state === 'none') return 'absent';
    if (state === 'told') return 'present';
  }
  return 'unknown';
}

export async function readFacts({ client, where }: Place, call: Call): Promise<Facts> {
  const [versioning, lifecycle, publicAccess, objectLock] = await Promise.all([
    ask(client.send(new GetBucketVersioningCommand(where), call)),
    ask(client.send(new GetBucketLifecycleConfigurationCommand(where), call), 'NoSuchLifecycleConfiguration'),
    ask(client.send(new GetPublicAccessBlockCommand(where), call), 'NoSuchPublicAccessBlockConfiguration'),
    ask(
      client.send(new GetObjectLockConfigurationCommand(where), call),
      'ObjectLockConfigurationNotFoundError',
      // Some services know no code of their own for it.
      'InvalidRequest',
    ),
  ]);
  return { versioning, lifecycle, publicAccess, objectLock };
}

/** Every new object is locked for some time, a trial as well. */
export function locksByDefault({ objectLock }: Facts): boolean {
  if (objectLock.state !== 'told') return false;
  return objectLock.value.ObjectLockConfiguration?.Rule?.DefaultRetention?.Mode !== undefined;
}
