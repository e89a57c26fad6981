/**
 * The store on a bucket. Each method is one module; this one binds them and keeps what was found out.
 *
 * Loads the SDK, so it is imported only when a store is opened.
 */

import { randomUUID } from 'node:crypto';
import {
  assertKey,
  type CallOptions,
  type ExtendLockRequest,
  type GetRequest,
  type ListPage,
  type ListRequest,
  type ObjectInfo,
  type PutRequest,
  type PutResult,
  type RemoveRequest,
  type Store,
  type StoreCapabilities,
} from '../../core/index.ts';
import { type Bucket, named } from './bucket.ts';
import { askBucket } from './bucket-questions.ts';
import { makeClient } from './client.ts';
import { getObject } from './download.ts';
import { Leftovers } from './leftovers.ts';
import { listObjects } from './listing.ts';
import { describeLock, extendLock } from './lock.ts';
import { MemoryBudget } from './memory-budget.ts';
import { describe, headObject } from './metadata.ts';
import { PartBuffers } from './part-buffers.ts';
import { removeObject } from './removal.ts';
import { ServiceClock } from './service-clock.ts';
import type { S3Settings } from './settings.ts';
import { putObject } from './upload.ts';

const openPatienceMs = 5_000;
const closePatienceMs = 5_000;

const awsClasses = [
  'STANDARD',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER_IR',
  'GLACIER',
  'DEEP_ARCHIVE',
] as const;

/**
 * Asks whether the bucket has versions and lock; a service that is away or refuses is no error yet. One that was away
 * is asked again by the first listing.
 */
export async function openS3Store(settings: S3Settings, newId: () => string = randomUUID): Promise<S3Store> {
  const clock = new ServiceClock();
  const bucket: Bucket = {
    client: makeClient(settings, clock),
    clock,
    settings,
    memory: new MemoryBudget(settings.uploadMemory),
    buffers: new PartBuffers(settings.partSize),
    findings: {
      versions: 'unknown',
      objectLock: 'unknown',
      locksByDefault: false,
      conditionalPut: 'unknown',
      conditionalComplete: 'unknown',
      createOnlyPuts: 0,
    },
    newId,
  };
  const isAnswered = await askBucket(bucket, { abortSignal: AbortSignal.timeout(openPatienceMs) });
  return new S3Store(bucket, isAnswered);
}

class S3Store implements Store {
  readonly name = 's3';
  readonly #bucket: Bucket;
  readonly #leftovers: Leftovers;
  /** Null where there was no answer yet. */
  #answered: Promise<unknown> | null;
  #closed = false;

  constructor(bucket: Bucket, isAnswered: boolean) {
    this.#bucket = bucket;
    this.#leftovers = new Leftovers(bucket);
    this.#answered = isAnswered ? Promise.resolve() : null;
  }

  /** As far as known: `conditionalCreate` is settled by a refusal or the eighth small create-only put. */
  get capabilities(): StoreCapabilities {
    const { findings, settings } = this.#bucket;
    const classes = settings.storageClass === undefined ? [] : [settings.storageClass];
    return {
      conditionalCreate: findings.conditionalPut === 'yes',
      versions: findings.versions === 'yes',
      objectLock:
        findings.objectLock === 'yes' && (settings.objectLock !== undefined || findings.locksByDefault),
      lockRules:
        settings.objectLock === undefined || findings.objectLock === 'no'
          ? null
          : describeLock(settings.objectLock),
      storageClasses: settings.atAws ? awsClasses : classes,
      serverSideCopy: false,
      putOnly: settings.putOnly,
    };
  }

  async put(request: PutRequest): Promise<PutResult> {
    const { key, signal } = request;
    assertKey(key);
    return named(this.#bucket, `put ${key}`, signal, () => {
      this.#leftovers.lookBeside(key);
      return putObject(this.#bucket, request);
    });
  }

  get(request: GetRequest): AsyncIterable<Uint8Array> {
    assertKey(request.key);
    return getObject(this.#bucket, request);
  }

  async head({ key, signal }: { readonly key: string } & CallOptions): Promise<ObjectInfo | null> {
    assertKey(key);
    return named(this.#bucket, `look at ${key}`, signal, async () => {
      const head = await headObject(this.#bucket, key, { abortSignal: signal });
      return head === null ? null : describe(this.#bucket, key, head);
    });
  }

  async list(request: ListRequest): Promise<ListPage> {
    const what = `list ${request.prefix || 'everything'}`;
    return named(this.#bucket, what, request.signal, async () => {
      // As patiently as anything is asked, but no more than once: there may never be an answer.
      this.#answered ??= askBucket(this.#bucket, { abortSignal: request.signal });
      await this.#answered;
      return listObjects(this.#bucket, request);
    });
  }

  async remove(request: RemoveRequest): Promise<void> {
    assertKey(request.key);
    const what = `remove ${request.key}`;
    return named(this.#bucket, what, request.signal, () => removeObject(this.#bucket, request));
  }

  async extendLock(request: ExtendLockRequest): Promise<void> {
    assertKey(request.key);
    const what = `extend the lock of ${request.key}`;
    return named(this.#bucket, what, request.signal, () => extendLock(this.#bucket, request));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#leftovers.close(closePatienceMs);
    this.#bucket.client.destroy();
  }
}
