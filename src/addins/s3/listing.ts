/**
 * `list`: one page per call, with no state between calls. Whoever opens a store sees to it that keys come in order.
 *
 * Where the bucket has versions the newest of each key is listed with its version id, so that removing
 * it later gives its space back; rights for that lacking, plain listing does. Not where hidden ones are asked for: whoever
 * wants to know that nothing is left must not be told so by a listing that cannot show it.
 */

import { ListObjectsV2Command, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { HoldfastError, type ListPage, type ListRequest, type ObjectInfo } from '../../core/index.ts';
import type { Bucket } from './bucket.ts';
import { answerOf, isAbsent, isDenied, isRightLacking } from './failures.ts';
import { type ListedObject, listedObjects } from './listed-objects.ts';
import { wholeSeconds } from './metadata.ts';
import { archiveClasses } from './settings.ts';

const largestPage = 1000;

export async function listObjects(bucket: Bucket, request: ListRequest): Promise<ListPage> {
  const { versions } = bucket.findings;
  const { hidden = false } = request;
  if (versions === 'yes' || (hidden && versions === 'unknown')) {
    try {
      return await listVersions(bucket, request);
    } catch (error) {
      if (hidden && isRightLacking(error)) throw blind(bucket, request);
      const isPlain = hidden ? versions === 'unknown' && isUnknownToService(error) : canListPlainly(error);
      if (!isPlain) throw error;
    }
  }
  return listPlainly(bucket, request);
}

const canListPlainly = (error: unknown): boolean => isDenied(error) || isAbsent(error);

/** A service without versions need not know how to list them. */
const isUnknownToService = (error: unknown): boolean => {
  const { name, status } = answerOf(error);
  return status === 501 || status === 405 || name === 'NotImplemented';
};

async function listPlainly(bucket: Bucket, request: ListRequest): Promise<ListPage> {
  const { settings, client } = bucket;
  let token: string | undefined;
  for (;;) {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket: settings.bucket,
        Prefix: settings.prefix + request.prefix,
        MaxKeys: pageSize(request),
        ...(token === undefined ? {} : { ContinuationToken: token }),
        ...(request.after === undefined ? {} : { StartAfter: settings.prefix + request.after }),
      }),
      { abortSignal: request.signal },
    );
    const objects = listedObjects(page).map((object) => describe(bucket, object));
    if (page.IsTruncated !== true) return { objects, next: null };
    const last = objects.at(-1);
    if (last !== undefined) return { objects, next: last.key };
    // A page may be empty and still not the last one.
    const { NextContinuationToken } = page;
    if (NextContinuationToken === undefined || NextContinuationToken === token)
      throw endless(bucket, request);
    token = NextContinuationToken;
  }
}

async function listVersions(bucket: Bucket, request: ListRequest): Promise<ListPage> {
  const { settings, client } = bucket;
  const after = request.after === undefined ? '' : settings.prefix + request.after;
  let marker: { KeyMarker?: string; VersionIdMarker?: string } = after === '' ? {} : { KeyMarker: after };
  for (;;) {
    const page = await client.send(
      new ListObjectVersionsCommand({
        Bucket: settings.bucket,
        Prefix: settings.prefix + request.prefix,
        MaxKeys: pageSize(request),
        ...marker,
      }),
      { abortSignal: request.signal },
    );
    // Ceph begins with the versions of the marker's key, AWS after them.
    const objects = listedObjects(page)
      // Of a key the newest comes first; below a marker none is the latest.
      .filter(({ latest, key }, at, all) => (request.hidden === true ? key !== all[at - 1]?.key : latest))
      .filter(({ key }) => key !== after)
      .map((object) => describe(bucket, object));
    const { IsTruncated, NextKeyMarker, NextVersionIdMarker } = page;
    if (IsTruncated !== true) return { objects, next: null };
    const last = objects.at(-1);
    if (last !== undefined) return { objects, next: last.key };
    // Old versions and markers only.
    if (NextKeyMarker === undefined) throw endless(bucket, request);
    const sameAsBefore = NextKeyMarker === marker.KeyMarker && NextVersionIdMarker === marker.VersionIdMarker;
    if (sameAsBefore) throw endless(bucket, request);
    marker = { KeyMarker: NextKeyMarker };
    if (NextVersionIdMarker !== undefined) marker.VersionIdMarker = NextVersionIdMarker;
  }
}

function pageSize({ limit = largestPage }: ListRequest): number {
  return Math.min(largestPage, Math.max(1, limit));
}

function describe(bucket: Bucket, object: ListedObject): ObjectInfo {
  const { key, sizeBytes, modifiedAtMs, version, storageClass } = object;
  return {
    key: key.slice(bucket.settings.prefix.length),
    sizeBytes,
    modifiedAtMs: wholeSeconds(modifiedAtMs),
    version,
    storageClass,
    // A listing does not tell what has been thawed; head does.
    readable: !archiveClasses.includes(storageClass),
  };
}

function endless(bucket: Bucket, request: ListRequest): HoldfastError {
  return new HoldfastError(
    'STORE_UNAVAILABLE',
    `bucket ${bucket.settings.bucket} does not say how its list of keys below ${request.prefix} goes on`,
    { hint: 'Use a service that lists by ListObjectsV2.' },
  );
}

function blind({ settings }: Bucket, { prefix }: ListRequest): HoldfastError {
  const what = `list the versions below ${prefix || 'the prefix'} in bucket ${settings.bucket}`;
  return new HoldfastError('STORE_DENIED', `cannot ${what}: the service refuses it`, {
    hint: 'Give the credentials s3:ListBucketVersions; without it nobody can tell whether an older version is left.',
  });
}
