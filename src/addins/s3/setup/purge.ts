/**
 * Removes all below a probe prefix for good: versions, markers and unfinished uploads, which the store
 * itself only hides or leaves to a lifecycle rule.
 */

import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
} from '@aws-sdk/client-s3';
import { HoldfastError, isProbePrefix } from '../../../core/index.ts';
import type { Call } from '../bucket.ts';
import { isAbsent, isRightLacking } from '../failures.ts';
import { listedObjects } from '../listed-objects.ts';
import { ask, noBucket } from './ask.ts';
import type { Place } from './place.ts';

interface Doomed {
  readonly key: string;
  /** Null: the plain object of a bucket that never had versions. */
  readonly version: string | null;
}

const width = 32;
/** Aborted puts may still become visible while we remove; more rounds than this are no accident. */
const mostRounds = 200;

/** `prefix` without the store's own. @throws STORE_DENIED something cannot be listed or removed */
export async function purge(place: Place, prefix: string, call: Call): Promise<void> {
  if (!isProbePrefix(prefix)) throw new TypeError(`${prefix} is no prefix of a probe`);
  const Prefix = place.settings.prefix + prefix;
  const versioning = await ask(
    place.client.send(new GetBucketVersioningCommand(place.where), call),
    noBucket,
  );
  if (versioning.state === 'none') return;
  const plain = versioning.state === 'told' && versioning.value.Status === undefined;
  await abortUploads(place, Prefix, call);
  for (let round = 0; round < mostRounds; round += 1) {
    const doomed = plain ? await listPlain(place, Prefix, call) : await listVersions(place, Prefix, call);
    if (doomed.length === 0) return;
    const queue = doomed.values();
    const lane = async () => {
      for (const one of queue) await remove(place, one, call);
    };
    await Promise.all(Array.from({ length: width }, lane));
  }
  throw new HoldfastError('STORE_UNSOUND', `bucket ${place.settings.bucket} goes on listing below ${prefix}`);
}

async function listPlain({ client, where }: Place, Prefix: string, call: Call): Promise<Doomed[]> {
  const page = await client.send(new ListObjectsV2Command({ ...where, Prefix }), call);
  return listedObjects(page).map(({ key }) => ({ key, version: null }));
}

async function listVersions(place: Place, Prefix: string, call: Call): Promise<Doomed[]> {
  const { client, where } = place;
  const told = await ask(client.send(new ListObjectVersionsCommand({ ...where, Prefix }), call));
  if (told.state !== 'told') return listPlain(place, Prefix, call);
  const markers = told.value.DeleteMarkers ?? [];
  return [
    ...listedObjects(told.value).map(({ key, version }) => ({ key, version })),
    ...markers.map(({ Key = '', VersionId = null }) => ({ key: Key, version: VersionId })),
  ];
}

async function remove({ client, where }: Place, { key, version }: Doomed, call: Call): Promise<void> {
  const which = { ...where, Key: key, ...(version === null ? {} : { VersionId: version }) };
  try {
    await client.send(new DeleteObjectCommand(which), call);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

/** Best effort where the right to list uploads is missing: their lifecycle rule remains. */
async function abortUploads({ client, where }: Place, Prefix: string, call: Call): Promise<void> {
  const listed = await ask(
    client.send(new ListMultipartUploadsCommand({ ...where, Prefix }), call),
    noBucket,
  );
  if (listed.state !== 'told') return;
  for (const { Key, UploadId } of listed.value.Uploads ?? []) {
    await client
      .send(new AbortMultipartUploadCommand({ ...where, Key, UploadId }), call)
      .catch((error: unknown) => {
        if (!isAbsent(error) && !isRightLacking(error)) throw error;
      });
  }
}
