/**
 * `remove`: the object and, where the bucket has versions, its space.
 *
 * A plain DELETE on a bucket with versions only hides the object behind a marker. So the newest version
 * itself is removed; should an older one come to light, it is hidden, because a removed snapshot must
 * not reappear. Without the right to look, the marker is all that can be had.
 */

import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import type { RemoveRequest } from '../../core/index.ts';
import { at, type Bucket, type Call, versionOf } from './bucket.ts';
import { isAbsent, isDenied } from './failures.ts';
import { headObject } from './metadata.ts';

export async function removeObject(bucket: Bucket, request: RemoveRequest): Promise<void> {
  const { key, version } = request;
  const call = { abortSignal: request.signal };
  if (version !== undefined) return remove(bucket, key, version, call);
  if (bucket.findings.versions === 'no') return remove(bucket, key, null, call);
  const newest = await newestVersion(bucket, key, call);
  if (newest === 'none') return;
  await remove(bucket, key, newest, call);
  if (newest === null) return;
  if ((await newestVersion(bucket, key, call)) !== 'none') await remove(bucket, key, null, call);
}

/** Null where versions are off or cannot be told. */
async function newestVersion(bucket: Bucket, key: string, call: Call): Promise<string | null | 'none'> {
  try {
    const head = await headObject(bucket, key, call);
    return head === null ? 'none' : versionOf(bucket, head.VersionId);
  } catch (error) {
    if (isDenied(error)) return null;
    throw error;
  }
}

async function remove(bucket: Bucket, key: string, version: string | null, call: Call): Promise<void> {
  const which = { ...at(bucket, key), ...(version === null ? {} : { VersionId: version }) };
  try {
    await bucket.client.send(new DeleteObjectCommand(which), call);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}
