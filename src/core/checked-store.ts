/**
 * Holds what a store answers to its contract, where acting on a wrong answer would destroy backups.
 *
 * Goes around every store that is opened, ours and others'. Keys are compared and sizes added up; bytes are
 * never looked at. Whatever else a store may get wrong is for `addin verify` to find.
 */

import type {
  ExtendLockRequest,
  GetRequest,
  ListPage,
  ListRequest,
  ObjectInfo,
  PutRequest,
  PutResult,
  RemoveRequest,
  Store,
  StoreCapabilities,
} from './contracts/store.ts';
import { HoldfastError } from './errors.ts';
import { quoted } from './printable.ts';

export function checkedStore(store: Store): Store {
  const checked = new CheckedStore(store);
  if (store.extendLock !== undefined) checked.extendLock = (request) => store.extendLock!(request);
  return checked;
}

class CheckedStore implements Store {
  readonly name: string;
  readonly #store: Store;
  extendLock?: (request: ExtendLockRequest) => Promise<void>;

  constructor(store: Store) {
    this.#store = store;
    this.name = store.name;
  }

  get capabilities(): StoreCapabilities {
    return this.#store.capabilities;
  }

  /** @throws STORE_UNSOUND it says that it stored another number of bytes than it was given */
  async put(request: PutRequest): Promise<PutResult> {
    const { key, sizeBytes } = request;
    if (sizeBytes !== undefined) return this.#ofSize(await this.#store.put(request), key, sizeBytes);
    const counted = new CountedBody(request.body);
    const result = await this.#store.put({ ...request, body: counted });
    if (!counted.ended) throw unsound(this.name, `${key} was not read to its end and is said to be stored`);
    return this.#ofSize(result, key, counted.bytes);
  }

  /** @throws OBJECT_DAMAGED a range has more or fewer bytes than were asked for */
  get(request: GetRequest): AsyncIterable<Uint8Array> {
    const bytes = this.#store.get(request);
    return request.range === undefined ? bytes : exactly(bytes, request.key, request.range.length);
  }

  /** @throws STORE_UNSOUND it answers with another object */
  async head(request: Parameters<Store['head']>[0]): Promise<ObjectInfo | null> {
    const info = await this.#store.head(request);
    if (info === null || info.key === request.key) return info;
    throw unsound(this.name, `asked for ${request.key} it tells of ${quoted(info.key)}`);
  }

  /** @throws STORE_UNSOUND the page has keys that were not asked for, or not in order, or leads nowhere */
  async list(request: ListRequest): Promise<ListPage> {
    const page = await this.#store.list(request);
    const { prefix, after = '' } = request;
    const below = prefix === '' ? 'it lists keys' : `it lists keys below ${prefix}`;
    let last = after;
    for (const { key } of page.objects) {
      if (!key.startsWith(prefix)) throw unsound(this.name, `${below} and shows ${quoted(key)}`);
      if (!ascends(last, key)) {
        throw unsound(this.name, `${below} out of order: ${quoted(key)} after ${quoted(last)}`);
      }
      last = key;
    }
    const { next } = page;
    const leads = next === null || (ascends(after, next) && (next === last || ascends(last, next)));
    if (leads) return page;
    throw unsound(this.name, `${below} and goes on after ${quoted(next)}, where it has been`);
  }

  remove(request: RemoveRequest): Promise<void> {
    return this.#store.remove(request);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #ofSize(result: PutResult, key: string, sizeBytes: number): PutResult {
    if (result.sizeBytes === sizeBytes) return result;
    throw unsound(this.name, `it says that ${key} has ${result.sizeBytes} bytes, not ${sizeBytes}`);
  }
}

/** Keys are ASCII, where both orders are one; what else lies in a place may have any name. */
const ascends = (before: string, key: string): boolean =>
  before < key || Buffer.compare(Buffer.from(before), Buffer.from(key)) < 0;

class CountedBody implements AsyncIterable<Uint8Array> {
  readonly #body: AsyncIterable<Uint8Array>;
  bytes = 0;
  ended = false;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#body = body;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of this.#body) {
      this.bytes += chunk.length;
      yield chunk;
    }
    this.ended = true;
  }
}

async function* exactly(
  bytes: AsyncIterable<Uint8Array>,
  key: string,
  length: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = length;
  for await (const chunk of bytes) {
    left -= chunk.length;
    if (left < 0) throw damaged(key, `the store gives more than the ${length} bytes of a range`);
    yield chunk;
  }
  if (left > 0) throw damaged(key, `${left} of the ${length} bytes of a range are missing`);
}

const damaged = (key: string, what: string): HoldfastError =>
  new HoldfastError('OBJECT_DAMAGED', `${key}: ${what}`, {
    hint: 'Run holdfast verify --read-data, and holdfast addin verify where more of them are.',
  });

const unsound = (store: string, what: string): HoldfastError =>
  new HoldfastError('STORE_UNSOUND', `the store ${store} does not keep to its contract: ${what}`, {
    hint: 'Run holdfast addin verify; update the addin, or tell its author.',
  });
