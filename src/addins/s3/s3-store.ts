/**
 * The store on a bucket. Each method is one module; this one binds them and keeps what was found out.
 *
 * Loads the SDK, so it is imported only when a store is opened.
 */

import { randomUUID } from 'node:crypto';
import { GetBucketVersioningCommand, GetObjectLockConfigurationCommand } from '@aws-sdk/client-s3';
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
import { makeClient } from './client.ts';
import { getObject } from './download.ts';
import { answerOf } from './failures.ts';
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

/** Asks whether the bucket has versions and lock; a service that is away or refuses is no error yet. */
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
  await findVersioning(bucket);
  return new S3Store(bucket);
}

class S3Store implements Store {
  readonly name = 's3';
  readonly #bucket: Bucket;
  readonly #leftovers: Leftovers;
  #closed = false;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
    this.#leftovers = new Leftovers(bucket);
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
    return named(this.#bucket, what, request.signal, () => listObjects(this.#bucket, request));
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

async function findVersioning({ client, settings, findings }: Bucket): Promise<void> {
  if (settings.putOnly) return;
  const call = { abortSignal: AbortSignal.timeout(openPatienceMs) };
  const where = { Bucket: settings.bucket };
  try {
    const { Status } = await client.send(new GetBucketVersioningCommand(where), call);
    // Suspended buckets still hold versions.
    findings.versions = Status === undefined ? 'no' : 'yes';
    if (Status === undefined) {
      findings.objectLock = 'no';
      return;
    }
    const lock = await client.send(new GetObjectLockConfigurationCommand(where), call);
    const { ObjectLockEnabled, Rule } = lock.ObjectLockConfiguration ?? {};
    findings.objectLock = ObjectLockEnabled === 'Enabled' ? 'yes' : 'no';
    findings.locksByDefault = Rule?.DefaultRetention?.Mode !== undefined;
  } catch (error) {
    if (answerOf(error).name === 'ObjectLockConfigurationNotFoundError') findings.objectLock = 'no';
    // What the service does not tell stays unknown; answers to other requests may still tell.
  }
}
