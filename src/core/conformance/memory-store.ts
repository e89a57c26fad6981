/**
 * The reference store: objects in a map.
 *
 * For tests of whatever needs a store, and as the shortest complete reading of the contract. It
 * keeps every byte in memory and copies on the way in, so that callers may reuse their buffers.
 */

import type {
  GetRequest,
  ListPage,
  ListRequest,
  PutRequest,
  PutResult,
  Store,
  StoreCapabilities,
} from '../contracts/store.ts';
import { HoldfastError } from '../errors.ts';
import { interruptible, throwIfInterrupted } from '../interruption.ts';
import { isProbePrefix } from '../key-classes.ts';
import { assertKey } from '../store-key.ts';

interface StoredObject {
  readonly bytes: Uint8Array;
  readonly modifiedAtMs: number;
  readonly lockedUntilMs: number | null;
}

export interface MemoryStoreOptions {
  /** The store's clock in milliseconds since the Unix epoch; stands still at 0 by default. */
  readonly now?: () => number;
  /** Objects can be neither removed nor replaced for so long after they were put. */
  readonly lockMs?: number;
}

const abilities: StoreCapabilities = {
  conditionalCreate: true,
  versions: false,
  objectLock: false,
  storageClasses: [],
  serverSideCopy: false,
  putOnly: false,
};

const rulesOf = (lockMs: number | undefined): string | null => (lockMs === undefined ? null : `${lockMs} ms`);

const chunkBytes = 1024 * 1024;

export function memoryStore({ now = () => 0, lockMs }: MemoryStoreOptions = {}): Store {
  const capabilities = { ...abilities, objectLock: lockMs !== undefined, lockRules: rulesOf(lockMs) };
  const objects = new Map<string, StoredObject>();

  const infoOf = (key: string, { bytes, modifiedAtMs, lockedUntilMs }: StoredObject) => ({
    key,
    sizeBytes: bytes.length,
    modifiedAtMs,
    version: null,
    storageClass: null,
    readable: true,
    lockedUntilMs,
  });

  const lockEnd = (key: string): number | null =>
    lockMs === undefined || isProbePrefix(key) ? null : now() + lockMs;

  const refuseLocked = (key: string): void => {
    const lockedUntilMs = objects.get(key)?.lockedUntilMs ?? null;
    if (lockedUntilMs !== null && lockedUntilMs > now())
      throw new HoldfastError('STORE_DENIED', `${key} is locked`);
  };

  async function put(request: PutRequest): Promise<PutResult> {
    const { key, signal, sizeBytes, createOnly } = request;
    assertKey(key);
    const chunks: Uint8Array[] = [];
    for await (const chunk of interruptible(request.body, signal, `put of ${key}`))
      chunks.push(new Uint8Array(chunk));
    const bytes = Buffer.concat(chunks);
    if (sizeBytes !== undefined && bytes.length !== sizeBytes) {
      throw new HoldfastError(
        'INTERNAL',
        `body of ${key} has ${bytes.length} bytes, not the declared ${sizeBytes}`,
      );
    }
    // No await between here and `set`: that is what makes creation conditional.
    if (createOnly === true && objects.has(key)) throw new HoldfastError('OBJECT_EXISTS', `${key} exists`);
    refuseLocked(key);
    const modifiedAtMs = now();
    objects.set(key, { bytes, modifiedAtMs, lockedUntilMs: lockEnd(key) });
    return { sizeBytes: bytes.length, version: null, storedAtMs: modifiedAtMs };
  }

  async function* get({ key, range, signal }: GetRequest): AsyncGenerator<Uint8Array> {
    throwIfInterrupted(signal, `get of ${key}`);
    const object = objects.get(key);
    if (object === undefined) throw new HoldfastError('OBJECT_MISSING', `there is no object ${key}`);
    const { offset, length } = range ?? { offset: 0, length: object.bytes.length };
    const end = offset + length;
    if (end > object.bytes.length) {
      throw new HoldfastError('OBJECT_DAMAGED', `${key} has ${object.bytes.length} bytes, ${end} are wanted`);
    }
    for (let at = offset; at < end; at += chunkBytes) {
      yield object.bytes.slice(at, Math.min(end, at + chunkBytes));
      throwIfInterrupted(signal, `get of ${key}`);
    }
  }

  async function list({ prefix, after = '', limit = 1000, signal }: ListRequest): Promise<ListPage> {
    throwIfInterrupted(signal, `list of ${prefix}`);
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, limit).map((key) => infoOf(key, objects.get(key)!));
    return { objects: page, next: keys.length > limit ? page.at(-1)!.key : null };
  }

  return {
    name: 'memory',
    capabilities,
    put,
    get,
    list,
    async head({ key, signal }) {
      throwIfInterrupted(signal, `head of ${key}`);
      const object = objects.get(key);
      return object === undefined ? null : infoOf(key, object);
    },
    async remove({ key, signal }) {
      throwIfInterrupted(signal, `remove of ${key}`);
      refuseLocked(key);
      objects.delete(key);
    },
    async extendLock({ key, signal }) {
      throwIfInterrupted(signal, `lock of ${key}`);
      const object = objects.get(key);
      if (object === undefined) throw new HoldfastError('OBJECT_MISSING', `there is no object ${key}`);
      objects.set(key, { ...object, lockedUntilMs: lockEnd(key) });
    },
    async close() {},
  };
}
