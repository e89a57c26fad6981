/** `head`: what the service tells of one object, in our words. */

import { HeadObjectCommand, type HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import type { ObjectInfo } from '../../core/index.ts';
import { at, type Bucket, type Call, versionOf } from './bucket.ts';
import { isAbsent } from './failures.ts';
import { archiveClasses } from './settings.ts';

/** Metadata that tells our own write from another's; see create-only.ts. */
export const writeIdName = 'holdfast-write';

/** Null where there is no such key. */
export async function headObject(
  bucket: Bucket,
  key: string,
  call: Call,
): Promise<HeadObjectCommandOutput | null> {
  try {
    return await bucket.client.send(new HeadObjectCommand(at(bucket, key)), call);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

export function describe(bucket: Bucket, key: string, head: HeadObjectCommandOutput): ObjectInfo {
  const archived = archiveClasses.includes(head.StorageClass ?? '') || head.ArchiveStatus !== undefined;
  return {
    key,
    sizeBytes: head.ContentLength ?? 0,
    modifiedAtMs: wholeSeconds(head.LastModified?.getTime()),
    version: versionOf(bucket, head.VersionId),
    storageClass: head.StorageClass ?? 'STANDARD',
    readable: !archived || /ongoing-request="false"/.test(head.Restore ?? ''),
    // Told only to who may ask for it.
    ...(head.ObjectLockRetainUntilDate === undefined
      ? {}
      : { lockedUntilMs: head.ObjectLockRetainUntilDate.getTime() }),
  };
}

/** Listings tell milliseconds, HEAD does not; both are to say the same. */
export function wholeSeconds(atMs: number | undefined): number {
  return Math.floor((atMs ?? 0) / 1000) * 1000;
}
