/**
 * Tries single rights with requests that a service checks first and then cannot carry out: a put with a
 * false checksum, the abort of an upload that never was, the removal of a version that never was.
 *
 * So a trial leaves nothing behind even where the credentials could not remove it. A service that takes a
 * false checksum for right makes an object of one byte below the probe prefix, which is removed at once.
 */

import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import type { StoreRight } from '../../../core/index.ts';
import { attributes } from '../attributes.ts';
import type { Call } from '../bucket.ts';
import { answerOf, isAbsent, isRightLacking } from '../failures.ts';
import { listedObjects } from '../listed-objects.ts';
import { archiveClasses } from '../settings.ts';
import type { Place } from './place.ts';

export interface Outcome {
  readonly allowed: StoreRight['allowed'];
  readonly detail: string | null;
}

const falseMd5 = Buffer.alloc(16, 1).toString('base64');
const neverAnUpload = '2~neverAnUploadneverAnUploadnever0';

/** Whatever the service says other than "not allowed" means that the right is there. */
async function outcomeOf(work: Promise<unknown>): Promise<Outcome> {
  try {
    await work;
    return { allowed: 'yes', detail: null };
  } catch (error) {
    const { name, status } = answerOf(error);
    if (isRightLacking(error)) return { allowed: 'no', detail: name };
    if (status === 400 || status === 404 || status === 412) return { allowed: 'yes', detail: null };
    if (status === 0 || status === 401 || status === 403) throw error;
    return { allowed: 'unknown', detail: `${name}, status ${status}` };
  }
}

/** Keys of all trials are without the store's prefix. */
export function tryPut(
  { once, where, settings }: Place,
  key: string,
  call: Call,
  lock: Partial<PutObjectCommandInput> = {},
): Promise<Outcome> {
  const request = { key, body: nothing(), signal: call.abortSignal };
  const which = { ...where, Key: settings.prefix + key };
  const command = new PutObjectCommand({
    ...which,
    ...attributes(settings, request, null),
    ...lock,
    Body: Buffer.from('x'),
    ContentLength: 1,
    ContentMD5: falseMd5,
  });
  const made = async ({ VersionId }: { VersionId?: string | undefined }) => {
    const version = VersionId === undefined ? {} : { VersionId };
    await once.send(new DeleteObjectCommand({ ...which, ...version }), call).catch(() => {});
  };
  return outcomeOf(once.send(command, call).then(made));
}

/** A put that also asks for a lock, over soon where the service should take a false checksum for right. */
export function tryLock(place: Place, key: string, call: Call): Promise<Outcome> {
  const ObjectLockRetainUntilDate = new Date(performance.timeOrigin + performance.now() + 120_000);
  return tryPut(place, key, call, { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate });
}

export function tryAbort({ once, where, settings }: Place, key: string, call: Call): Promise<Outcome> {
  const which = { ...where, Key: settings.prefix + key, UploadId: neverAnUpload };
  return outcomeOf(once.send(new AbortMultipartUploadCommand(which), call));
}

export function tryRemoveVersion(
  { once, where, settings }: Place,
  key: string,
  call: Call,
): Promise<Outcome> {
  // `null` is the one version id that every service takes for well-formed.
  const which = { ...where, Key: settings.prefix + key, VersionId: 'null' };
  return outcomeOf(once.send(new DeleteObjectCommand(which), call));
}

/** With versions it makes a marker, so it is tried only where the marker can be removed. */
export async function tryRemove(
  { once, where, settings }: Place,
  key: string,
  { versions, markers }: { readonly versions: boolean; readonly markers: boolean },
  call: Call,
): Promise<Outcome> {
  if (versions && !markers)
    return { allowed: 'unknown', detail: 'a trial would leave a marker that cannot be removed' };
  const which = { ...where, Key: settings.prefix + key };
  let marker: string | undefined;
  const outcome = await outcomeOf(
    once.send(new DeleteObjectCommand(which), call).then((output) => {
      marker = output.VersionId;
    }),
  );
  if (marker !== undefined) await once.send(new DeleteObjectCommand({ ...which, VersionId: marker }), call);
  return outcome;
}

export function tryList({ once, where, settings }: Place, call: Call): Promise<Outcome> {
  return outcomeOf(
    once.send(new ListObjectsV2Command({ ...where, Prefix: settings.prefix, MaxKeys: 1 }), call),
  );
}

export function tryListVersions({ once, where, settings }: Place, call: Call): Promise<Outcome> {
  return outcomeOf(
    once.send(new ListObjectVersionsCommand({ ...where, Prefix: settings.prefix, MaxKeys: 1 }), call),
  );
}

/**
 * Reads a byte of something that is there: an absent object is answered alike with and without the right.
 * `make` may put an object and tells its key, or null where it would stay for good.
 */
export async function tryRead(
  place: Place,
  make: () => Promise<string | null>,
  call: Call,
): Promise<Outcome> {
  const { once, where, settings } = place;
  const read = (Key: string) => once.send(new GetObjectCommand({ ...where, Key, Range: 'bytes=0-0' }), call);
  const candidates = [
    async () => `${settings.prefix}holdfast.json`,
    () => anyObject(place, call),
    async () => {
      const key = await make();
      return key === null ? null : settings.prefix + key;
    },
  ];
  let refused: string | null = null;
  for (const candidate of candidates) {
    const key = await candidate();
    if (key === null) continue;
    try {
      const { Body } = await read(key);
      (Body as { destroy?: () => void } | undefined)?.destroy?.();
      return { allowed: 'yes', detail: null };
    } catch (error) {
      if (isAbsent(error)) continue;
      if (isRightLacking(error)) {
        refused = answerOf(error).name;
        continue;
      }
      throw error;
    }
  }
  if (refused !== null) return { allowed: 'no', detail: refused };
  return { allowed: 'unknown', detail: 'there is nothing to read yet' };
}

async function anyObject({ once, where, settings }: Place, call: Call): Promise<string | null> {
  try {
    const page = await once.send(
      new ListObjectsV2Command({ ...where, Prefix: settings.prefix, MaxKeys: 20 }),
      call,
    );
    return listedObjects(page).find((one) => !archiveClasses.includes(one.storageClass))?.key ?? null;
  } catch (error) {
    if (isRightLacking(error)) return null;
    throw error;
  }
}

/** Stands for a body where a request is described that has one of its own. */
export async function* nothing(): AsyncGenerator<Uint8Array> {}
