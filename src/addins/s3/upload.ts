/**
 * `put`: small objects in one request of known length, larger ones in parts.
 *
 * The body is read once; what may have to be sent again is held in memory until the service has it.
 * Nothing becomes visible before the last request, so a failure at any point shows nothing.
 */

import { PutObjectCommand, type PutObjectCommandInput } from '@aws-sdk/client-s3';
import type { PutRequest, PutResult } from '../../core/index.ts';
import { attributes, checksumOf } from './attributes.ts';
import { BodyReader } from './body-reader.ts';
import { at, type Bucket, type Call, inBucket, versionOf } from './bucket.ts';
import { answeredAtMs } from './client.ts';
import { isRefusal, isUnsupported, probeConditionalPut, refuseExisting, settle } from './create-only.ts';
import { explainLock, lockOf, refuseWithoutLock } from './lock.ts';
import { uploadParts } from './multipart.ts';

export async function putObject(bucket: Bucket, request: PutRequest): Promise<PutResult> {
  const { key, signal, sizeBytes } = request;
  refuseWithoutLock(bucket, key);
  const stop = new AbortController();
  const call = { abortSignal: AbortSignal.any([signal, stop.signal]) };
  const what = inBucket(bucket, `put ${key}`);
  const body = new BodyReader(request.body, sizeBytes, call.abortSignal, what, bucket.buffers);
  try {
    const first = await body.take(bucket.settings.partSize);
    if (await body.atEnd()) {
      try {
        return await putWhole(bucket, request, first, call);
      } finally {
        bucket.buffers.giveBack(first);
      }
    }
    body.untake(first);
    return await uploadParts(bucket, request, body, call, stop);
  } catch (error) {
    throw explainLock(bucket, key, error);
  } finally {
    await body.close();
  }
}

async function putWhole(
  bucket: Bucket,
  request: PutRequest,
  body: Uint8Array,
  call: Call,
): Promise<PutResult> {
  const { key } = request;
  const { settings, findings } = bucket;
  const createOnly = request.createOnly === true;
  const writeId = createOnly ? bucket.newId() : null;
  if (createOnly && findings.conditionalPut !== 'yes') await refuseExisting(bucket, key, call);
  const input: PutObjectCommandInput = {
    ...at(bucket, key),
    ...attributes(settings, request, writeId),
    ...lockOf(bucket, key),
    ...checksumOf(settings, body),
    Body: body,
    ContentLength: body.length,
  };
  if (writeId === null) return send(bucket, input, call);
  const conditional: PutObjectCommandInput = { ...input, IfNoneMatch: '*' };
  try {
    const result = await send(bucket, conditional, call);
    await probeConditionalPut(bucket, conditional, key, call);
    return result;
  } catch (error) {
    if (isUnsupported(error)) {
      findings.conditionalPut = 'no';
      return send(bucket, input, call);
    }
    if (!isRefusal(error)) throw error;
    findings.conditionalPut = 'yes';
    return settle(bucket, key, writeId, error, call);
  }
}

async function send(bucket: Bucket, input: PutObjectCommandInput, call: Call): Promise<PutResult> {
  const output = await bucket.client.send(new PutObjectCommand(input), call);
  return {
    sizeBytes: input.ContentLength ?? 0,
    version: versionOf(bucket, output.VersionId),
    storedAtMs: answeredAtMs(output),
  };
}
