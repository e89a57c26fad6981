/**
 * Creating an object only where there is none.
 *
 * Services differ: some refuse the second write atomically, some only on buckets without versions, some
 * ignore the condition. The condition is always sent; until the service is known to enforce it a HEAD
 * comes first, which is the best there is elsewhere. It becomes known by a refusal, or by a probe: one
 * small object is put a second time, which changes nothing where it is not refused, as the bytes are
 * the same. The probe waits for the eighth such put, so that a run of one account never pays for it.
 *
 * A refusal may answer the repetition of a write of ours whose first answer got lost. Each write
 * carries an id in its metadata, and an object with that id is ours.
 */

import { DeleteObjectCommand, PutObjectCommand, type PutObjectCommandInput } from '@aws-sdk/client-s3';
import { HoldfastError, type PutResult } from '../../core/index.ts';
import { at, type Bucket, type Call, inBucket, versionOf } from './bucket.ts';
import { answerOf, isAbsent, isDenied } from './failures.ts';
import { headObject, wholeSeconds, writeIdName } from './metadata.ts';

/** Larger objects are not sent twice to find something out. */
const largestProbeBytes = 256 * 1024;
const putsBeforeProbe = 8;

export function isRefusal(error: unknown): boolean {
  const { name, status } = answerOf(error);
  return status === 412 || name === 'PreconditionFailed' || name === 'ConditionalRequestConflict';
}

/** The service does not know the condition at all. */
export function isUnsupported(error: unknown): boolean {
  const { name, status } = answerOf(error);
  return status === 501 || name === 'NotImplemented';
}

/** @throws OBJECT_EXISTS the key exists already; reads nothing in put-only mode */
export async function refuseExisting(bucket: Bucket, key: string, call: Call): Promise<void> {
  if (bucket.settings.putOnly) return;
  const head = await headObject(bucket, key, call).catch((error: unknown) => {
    if (isDenied(error)) return null;
    throw error;
  });
  if (head !== null) throw exists(bucket, key);
}

/**
 * Settles a write that was refused or whose fate is unknown: the result where the object is ours.
 *
 * @throws OBJECT_EXISTS it is another's; whatever `error` was where there is none
 */
export async function settle(
  bucket: Bucket,
  key: string,
  writeId: string,
  error: unknown,
  call: Call,
): Promise<PutResult> {
  const head = bucket.settings.putOnly ? 'unreadable' : await look(bucket, key, call);
  if (head === 'unreadable') {
    if (!isRefusal(error)) throw isAbsent(error) ? vanished(bucket, key) : error;
    if (answerOf(error).attempts === 1) throw exists(bucket, key);
    throw new HoldfastError('STORE_UNAVAILABLE', `cannot tell who wrote ${inBucket(bucket, key)}`, {
      hint: 'Run the command again; the credentials cannot read, and an answer got lost.',
    });
  }
  if (head?.Metadata?.[writeIdName] === writeId) {
    return {
      sizeBytes: head.ContentLength ?? 0,
      version: versionOf(bucket, head.VersionId),
      storedAtMs: wholeSeconds(head.LastModified?.getTime()),
    };
  }
  if (isRefusal(error)) throw exists(bucket, key);
  throw isAbsent(error) ? vanished(bucket, key) : error;
}

function vanished(bucket: Bucket, key: string): HoldfastError {
  return new HoldfastError('STORE_UNAVAILABLE', `the upload of ${inBucket(bucket, key)} is gone`, {
    hint: 'Run the command again; a lifecycle rule or somebody else may have aborted it.',
  });
}

/** Puts the same object again, at most once per process, to learn whether the service refuses. */
export async function probeConditionalPut(
  bucket: Bucket,
  input: PutObjectCommandInput,
  key: string,
  call: Call,
): Promise<void> {
  const { findings, client } = bucket;
  // What is locked could not be taken back.
  if (findings.conditionalPut !== 'unknown' || input.ObjectLockMode !== undefined) return;
  if ((input.ContentLength ?? 0) > largestProbeBytes) return;
  findings.createOnlyPuts += 1;
  if (findings.createOnlyPuts !== putsBeforeProbe) return;
  try {
    const again = await client.send(new PutObjectCommand(input), call);
    findings.conditionalPut = 'no';
    const version = versionOf(bucket, again.VersionId);
    if (version === null || bucket.settings.putOnly) return;
    await client.send(new DeleteObjectCommand({ ...at(bucket, key), VersionId: version }), call);
  } catch (error) {
    if (isRefusal(error)) findings.conditionalPut = 'yes';
    // Anything else says nothing; the object is stored all the same.
  }
}

export function exists(bucket: Bucket, key: string): HoldfastError {
  return new HoldfastError('OBJECT_EXISTS', `${inBucket(bucket, key)} exists already`);
}

async function look(bucket: Bucket, key: string, call: Call) {
  try {
    return await headObject(bucket, key, call);
  } catch (error) {
    if (isDenied(error)) return 'unreadable';
    throw error;
  }
}
