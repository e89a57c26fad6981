/**
 * `get`: every byte or an error.
 *
 * A body that breaks or stalls is taken up again where it stopped, of the very same object (by ETag and
 * version). Attempts are counted between bytes, so that a long download survives many breaks and a
 * dead service does not hold anyone for ever.
 */

import { addAbortSignal, type Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { type ByteRange, type GetRequest, HoldfastError, isHoldfastError } from '../../core/index.ts';
import { at, type Bucket, inBucket, named } from './bucket.ts';
import { answerOf, isAbsent } from './failures.ts';
import { headObject } from './metadata.ts';
import { backoffMs } from './retry.ts';

/** Which object exactly, once the first answer has told. */
interface Source {
  readonly etag: string | undefined;
  readonly version: string | undefined;
  /** First byte and number of bytes to yield. */
  readonly offset: number;
  readonly length: number;
}

export async function* getObject(bucket: Bucket, request: GetRequest): AsyncGenerator<Uint8Array> {
  const { key, signal, range } = request;
  const what = `get ${key}`;
  if (range !== undefined && range.length === 0) {
    await named(bucket, what, signal, () => checkEmptyRange(bucket, request, range));
    return;
  }
  let source: Source | undefined;
  let doneBytes = 0;
  for (let failures = 0; ; ) {
    const answer = await named(bucket, what, signal, () => ask(bucket, request, source, doneBytes));
    source ??= sourceOf(bucket, request, answer);
    const body = answer.Body as unknown as Readable;
    try {
      for await (const chunk of patiently(body, bucket.settings.timeoutMs, signal)) {
        doneBytes += chunk.length;
        if (doneBytes > source.length) throw damaged(bucket, key, `more than ${source.length} bytes came`);
        failures = 0;
        yield chunk;
      }
      if (doneBytes === source.length) return;
      throw new Error(`${doneBytes} bytes of ${source.length} came`);
    } catch (error) {
      failures += 1;
      if (isHoldfastError(error) || signal.aborted || failures >= bucket.settings.maxAttempts) {
        await named(bucket, what, signal, () => Promise.reject(error));
      }
      const delayMs = backoffMs(bucket.settings.retryDelayMs, failures);
      await named(bucket, what, signal, () => sleep(delayMs, undefined, { signal }));
    } finally {
      body.destroy();
    }
  }
}

async function ask(
  bucket: Bucket,
  request: GetRequest,
  source: Source | undefined,
  doneBytes: number,
): Promise<GetObjectCommandOutput> {
  const { key, signal } = request;
  const version = source?.version ?? request.version;
  const from = source === undefined ? request.range?.offset : source.offset + doneBytes;
  const wanted = source?.length ?? request.range?.length;
  const end = from === undefined || wanted === undefined ? undefined : from + wanted - doneBytes - 1;
  const command = new GetObjectCommand({
    ...at(bucket, key),
    ...(version === undefined ? {} : { VersionId: version }),
    ...(end === undefined ? {} : { Range: `bytes=${from}-${end}` }),
    ...(source?.etag === undefined ? {} : { IfMatch: source.etag }),
  });
  try {
    const answer = await bucket.client.send(command, { abortSignal: signal });
    if (end !== undefined)
      checkRange(bucket, key, answer, { offset: from ?? 0, length: end + 1 - (from ?? 0) });
    return answer;
  } catch (error) {
    if (source !== undefined && (answerOf(error).status === 412 || isAbsent(error))) {
      throw damaged(bucket, key, 'it was replaced or removed while it was read');
    }
    throw error;
  }
}

function sourceOf(bucket: Bucket, request: GetRequest, answer: GetObjectCommandOutput): Source {
  const length = request.range?.length ?? answer.ContentLength;
  if (length === undefined) {
    (answer.Body as unknown as Readable).destroy();
    throw damaged(bucket, request.key, 'the service does not tell its length');
  }
  return {
    etag: answer.ETag,
    version: request.version ?? answer.VersionId,
    offset: request.range?.offset ?? 0,
    length,
  };
}

/** @throws OBJECT_DAMAGED another range came than was asked for */
function checkRange(bucket: Bucket, key: string, answer: GetObjectCommandOutput, range: ByteRange): void {
  const [, first, last] = /^bytes (\d+)-(\d+)\//.exec(answer.ContentRange ?? '') ?? [];
  if (Number(first) === range.offset && Number(last) === range.offset + range.length - 1) return;
  (answer.Body as unknown as Readable).destroy();
  const came = first === undefined ? 'no range' : `${first}-${last}`;
  throw damaged(bucket, key, `${came} came for bytes ${range.offset}-${range.offset + range.length - 1}`);
}

/** HTTP cannot ask for no bytes at all, but the object must be there and reach as far. */
async function checkEmptyRange(bucket: Bucket, { key, signal }: GetRequest, range: ByteRange): Promise<void> {
  const head = await headObject(bucket, key, { abortSignal: signal });
  if (head === null) throw new HoldfastError('OBJECT_MISSING', `there is no ${inBucket(bucket, key)}`);
  if (range.offset > (head.ContentLength ?? 0)) throw damaged(bucket, key, 'it ends before the range');
}

/** Yields what the body yields; a body that is silent for too long breaks. A slow reader is no silence. */
async function* patiently(
  body: Readable,
  timeoutMs: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  addAbortSignal(signal, body);
  let waiting = true;
  const timer: NodeJS.Timeout = setTimeout(() => {
    if (waiting) body.destroy(new Error('no byte came in time'));
    else timer.refresh();
  }, timeoutMs);
  try {
    for await (const chunk of body) {
      waiting = false;
      yield chunk as Uint8Array;
      waiting = true;
      timer.refresh();
    }
  } finally {
    clearTimeout(timer);
  }
}

function damaged(bucket: Bucket, key: string, why: string): HoldfastError {
  return new HoldfastError('OBJECT_DAMAGED', `cannot get ${inBucket(bucket, key)}: ${why}`);
}
