/**
 * Upload in parts: several on their way at once, memory bounded, all or nothing.
 *
 * A put always has memory for one part; more come from a budget shared by all puts, so many puts
 * neither fill the memory nor wait for each other. After any failure the upload is aborted; where that
 * fails too, `leftovers.ts` finds it later.
 */

import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { HoldfastError, type PutRequest, type PutResult } from '../../core/index.ts';
import { attributes, checksumOf } from './attributes.ts';
import type { BodyReader } from './body-reader.ts';
import { at, type Bucket, type Call, inBucket, versionOf } from './bucket.ts';
import { answeredAtMs } from './client.ts';
import { exists, isRefusal, refuseExisting, settle } from './create-only.ts';
import { isDenied } from './failures.ts';
import { lockOf, lockUploaded } from './lock.ts';
import { headObject, writeIdName } from './metadata.ts';
import { nextPartBytes } from './part-sizes.ts';

const abortPatienceMs = 15_000;

interface Upload {
  readonly bucket: Bucket;
  readonly request: PutRequest;
  /** Rejects where the service gave none. */
  readonly uploadId: Promise<string>;
  readonly writeId: string;
  readonly parts: CompletedPart[];
}

/** `stop` ends reading and sending when a part fails. */
export async function uploadParts(
  bucket: Bucket,
  request: PutRequest,
  body: BodyReader,
  call: Call,
  stop: AbortController,
): Promise<PutResult> {
  const writeId = bucket.newId();
  const uploadId = begin(bucket, request, writeId, call);
  const upload: Upload = { bucket, request, uploadId, writeId, parts: [] };
  try {
    await sendParts(upload, body, call, stop);
    return await complete(upload, body.readBytes, call);
  } catch (error) {
    await abort(upload);
    throw error;
  }
}

async function begin(bucket: Bucket, request: PutRequest, writeId: string, call: Call): Promise<string> {
  const { key } = request;
  const { UploadId } = await bucket.client.send(
    new CreateMultipartUploadCommand({
      ...at(bucket, key),
      ...attributes(bucket.settings, request, writeId),
      ...lockOf(bucket, key),
      ...(bucket.settings.checksum === 'sha256' ? { ChecksumAlgorithm: 'SHA256' } : {}),
    }),
    call,
  );
  if (UploadId !== undefined) return UploadId;
  throw new HoldfastError('STORE_UNAVAILABLE', `${inBucket(bucket, `put ${key}`)}: no upload id came`);
}

/** Reads on while the upload is begun, and looks for an object under the key while the last parts are on their way. */
async function sendParts(upload: Upload, body: BodyReader, call: Call, stop: AbortController): Promise<void> {
  const { buffers, memory, settings } = upload.bucket;
  const plan = { partSize: settings.partSize, sizeBytes: upload.request.sizeBytes };
  const underWay = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const fail = (error: unknown) => {
    failures.push(error);
    stop.abort();
  };
  upload.uploadId.catch(fail);
  let sentBytes = 0;
  try {
    for (let number = 1; !(await body.atEnd()); number += 1) {
      const bytes = nextPartBytes(plan, sentBytes);
      const lease = await takeMemory(upload.bucket, bytes, underWay);
      const part = await body.take(bytes).catch((error: unknown) => {
        memory.giveBack(lease);
        throw error;
      });
      sentBytes += part.length;
      const sending: Promise<void> = sendPart(upload, number, part, call)
        .catch(fail)
        .finally(() => {
          buffers.giveBack(part);
          memory.giveBack(lease);
          underWay.delete(sending);
        });
      underWay.add(sending);
    }
    underWay.add(refuseEarlier(upload, call).catch(fail));
  } catch (error) {
    // Where a part failed, the reader was stopped: what it says is only the consequence.
    fail(error);
  }
  await Promise.all(underWay);
  if (failures.length > 0) throw failures[0];
}

/** @throws OBJECT_EXISTS where the service may not refuse by itself */
async function refuseEarlier({ bucket, request }: Upload, call: Call): Promise<void> {
  if (request.createOnly !== true || bucket.findings.conditionalComplete === 'yes') return;
  await refuseExisting(bucket, request.key, call);
}

/** Bytes to give back later: 0 for the only part under way, which needs no lease. */
async function takeMemory(
  bucket: Bucket,
  bytes: number,
  underWay: ReadonlySet<Promise<void>>,
): Promise<number> {
  while (underWay.size > 0) {
    if (underWay.size < bucket.settings.parallelParts && bucket.memory.tryTake(bytes)) return bytes;
    await Promise.race(underWay);
  }
  return 0;
}

async function sendPart(upload: Upload, number: number, body: Uint8Array, call: Call): Promise<void> {
  const { bucket, request, parts } = upload;
  const uploadId = await upload.uploadId;
  const checksum = checksumOf(bucket.settings, body);
  const output = await bucket.client.send(
    new UploadPartCommand({
      ...at(bucket, request.key),
      ...checksum,
      UploadId: uploadId,
      PartNumber: number,
      Body: body,
      ContentLength: body.length,
    }),
    call,
  );
  parts[number - 1] = { PartNumber: number, ETag: output.ETag, ...checksum };
}

async function complete(upload: Upload, sentBytes: number, call: Call): Promise<PutResult> {
  const { bucket, request, writeId, parts } = upload;
  const { findings } = bucket;
  const createOnly = request.createOnly === true;
  const uploadId = await upload.uploadId;
  try {
    const output = await bucket.client.send(
      new CompleteMultipartUploadCommand({
        ...at(bucket, request.key),
        UploadId: uploadId,
        MultipartUpload: { Parts: parts },
        ...(createOnly ? { IfNoneMatch: '*' } : {}),
      }),
      call,
    );
    await verify(upload, sentBytes, call);
    const version = versionOf(bucket, output.VersionId);
    await lockUploaded(bucket, request.key, version, call);
    return { sizeBytes: sentBytes, version, storedAtMs: answeredAtMs(output) };
  } catch (error) {
    if (call.abortSignal.aborted || error instanceof HoldfastError) throw error;
    if (createOnly && isRefusal(error)) findings.conditionalComplete = 'yes';
    // The answer to an earlier attempt may have got lost: then the upload is gone and the object there.
    const result = await settle(bucket, request.key, writeId, error, call);
    await verify(upload, sentBytes, call);
    await lockUploaded(bucket, request.key, result.version, call);
    return result;
  }
}

/** A service that lost a part must not go unnoticed. Costs one HEAD; cannot be had in put-only mode. */
async function verify({ bucket, request, writeId }: Upload, sentBytes: number, call: Call): Promise<void> {
  if (bucket.settings.putOnly) return;
  const head = await headObject(bucket, request.key, call).catch((error: unknown) => {
    if (isDenied(error)) return undefined;
    throw error;
  });
  if (head === undefined) return;
  const foundId = head?.Metadata?.[writeIdName];
  if (foundId !== undefined && foundId !== writeId) {
    // Another write came after ours; where both were to create, ours is the one that did not.
    if (request.createOnly === true) throw exists(bucket, request.key);
    return;
  }
  if (head?.ContentLength === sentBytes) return;
  if (head !== null) {
    const version = versionOf(bucket, head.VersionId);
    const which = { ...at(bucket, request.key), ...(version === null ? {} : { VersionId: version }) };
    await bucket.client.send(new DeleteObjectCommand(which), call);
  }
  throw new HoldfastError(
    'OBJECT_DAMAGED',
    `${inBucket(bucket, `put ${request.key}`)}: the service keeps ${head?.ContentLength ?? 'no'} bytes of ${sentBytes}`,
  );
}

async function abort({ bucket, request, uploadId }: Upload): Promise<void> {
  const UploadId = await uploadId.catch(() => null);
  if (UploadId === null) return;
  const call = { abortSignal: AbortSignal.timeout(abortPatienceMs) };
  const command = new AbortMultipartUploadCommand({ ...at(bucket, request.key), UploadId });
  await bucket.client.send(command, call).catch(() => {});
}
