/**
 * What the checks have in common: bodies that behave in a chosen way, and readers of stores.
 *
 * A body here never outlives the check that made it; where it must end late, it is bounded.
 */

import { equal, fail } from 'node:assert/strict';
import type { ByteRange, ObjectInfo, PutResult, Store } from '../contracts/store.ts';
import { type ErrorCode, isHoldfastError } from '../errors.ts';
import type { CheckContext } from './check.ts';

export const mebibyte = 1024 * 1024;

/** More than a store is likely to buffer before it begins to write. */
export const unfinishedBytes = 9 * mebibyte + 17;

/** Odd sizes, larger and smaller than any buffer a store is likely to use. */
const oddSizes = [1, 7, 4093, 65_537, 1_048_579] as const;

/** The bytes in chunks of unequal, odd sizes, each overwritten as soon as the next one is asked for. */
export async function* oddChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (let turn = 0; offset < bytes.length; turn += 1) {
    const end = Math.min(bytes.length, offset + oddSizes[turn % oddSizes.length]!);
    const chunk = new Uint8Array(bytes.subarray(offset, end));
    yield chunk;
    chunk.fill(0);
    offset = end;
  }
}

/** Yields the bytes, then breaks. */
export async function* breaking(bytes: Uint8Array, error: Error): AsyncGenerator<Uint8Array> {
  yield* oddChunks(bytes);
  throw error;
}

/** Yields the first half, runs `midway`, yields the rest. */
export async function* pausing(bytes: Uint8Array, midway: () => Promise<void>): AsyncGenerator<Uint8Array> {
  const half = bytes.length >> 1;
  yield* oddChunks(bytes.subarray(0, half));
  await midway();
  yield* oddChunks(bytes.subarray(half));
}

export function put(
  store: Pick<Store, 'put'>,
  context: CheckContext,
  key: string,
  bytes: Uint8Array,
  extra: { readonly createOnly?: boolean; readonly sizeBytes?: number } = {},
): Promise<PutResult> {
  return store.put({ key, body: oddChunks(bytes), signal: context.signal, ...extra });
}

/** All bytes of an object or of a range of it. */
export async function read(
  store: Pick<Store, 'get'>,
  context: CheckContext,
  key: string,
  range?: ByteRange,
): Promise<Buffer> {
  const request = { key, signal: context.signal };
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.get(range === undefined ? request : { ...request, range })) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Compares without printing megabytes where they differ. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  equal(actual.length, expected.length, `${what}: wrong number of bytes`);
  if (Buffer.compare(actual, expected) !== 0) fail(`${what}: the bytes differ`);
}

/** Every object below a prefix, page by page, as a caller would walk it. */
export async function listAll(
  store: Store,
  context: CheckContext,
  prefix: string,
  options: { readonly after?: string; readonly limit?: number } = {},
): Promise<ObjectInfo[]> {
  const objects: ObjectInfo[] = [];
  let after = options.after;
  for (;;) {
    const page = await store.list({
      prefix,
      signal: context.signal,
      ...(after === undefined ? {} : { after }),
      ...(options.limit === undefined ? {} : { limit: options.limit }),
    });
    if (options.limit !== undefined && page.objects.length > options.limit) {
      fail(`a page of at most ${options.limit} objects has ${page.objects.length}`);
    }
    objects.push(...page.objects);
    if (page.next === null) return objects;
    if (after !== undefined && page.next <= after) fail(`paging does not advance beyond ${after}`);
    after = page.next;
  }
}

export async function keysBelow(store: Store, context: CheckContext, prefix: string): Promise<string[]> {
  return (await listAll(store, context, prefix)).map((object) => object.key);
}

/** Fails unless the work rejects with a `HoldfastError` of this code. */
export async function rejectsWith(code: ErrorCode, work: Promise<unknown>, what: string): Promise<void> {
  const error = await rejects(work, what);
  if (!isHoldfastError(error)) fail(`${what} rejected with something other than ${code}: ${String(error)}`);
  equal(error.code, code, what);
}

/** Fails unless the work rejects; gives what it rejected with. */
export async function rejects(work: Promise<unknown>, what: string): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  return fail(`${what} did not reject`);
}

/** Fails if anything can be seen under the key, by any method. */
export async function invisible(store: Store, context: CheckContext, key: string): Promise<void> {
  equal(await store.head({ key, signal: context.signal }), null, `head finds ${key}`);
  equal((await keysBelow(store, context, key)).includes(key), false, `list shows ${key}`);
  await rejectsWith('OBJECT_MISSING', read(store, context, key), `get of ${key}`);
}

/** Fails if a put that failed left anything: something to be seen, or a name that cannot be created any more. */
export async function nothingOf(
  store: Store,
  context: CheckContext,
  { key, createOnly }: { readonly key: string; readonly createOnly: boolean },
): Promise<void> {
  await invisible(store, context, key);
  if (!createOnly) return;
  const bytes = context.randomBytes(1000);
  await put(store, context, key, bytes, { createOnly });
  sameBytes(await read(store, context, key), bytes, `${key}, created again`);
}

/** Runs the work over all items, so many at a time. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = items.values();
  const lane = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
