/**
 * A store that lives in a process of its own, behind the same contract.
 *
 * Requests go as they are, but for their signal and their body, which have frames of their own. After its
 * process died the next call starts another; what was under way has failed.
 */

import type {
  CallOptions,
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
} from '../contracts/store.ts';
import { isHoldfastError } from '../errors.ts';
import { assertKey } from '../store-key.ts';
import { AddinHost, type Recipe } from './addin-host.ts';
import { readAnswer } from './answers.ts';
import { FileWay } from './file-way.ts';

interface StoreFacts {
  readonly name: string;
  readonly capabilities: StoreCapabilities;
  readonly extendsLocks: boolean;
}

/** @throws whatever keeps the store from being opened */
export async function openIsolatedStore(recipe: Recipe): Promise<Store> {
  const host = await AddinHost.start(recipe);
  try {
    const facts = readAnswer<StoreFacts>(host.facts, 'storeFacts', recipe.name);
    const store = new IsolatedStore(host, facts);
    return facts.extendsLocks ? withLocks(store, host) : store;
  } catch (error) {
    await host.close().catch(() => {});
    throw error;
  }
}

/** For tests: the process behind a store. */
export const processOf = (store: Store): Promise<number | undefined> | null =>
  store instanceof IsolatedStore ? store.host.pid() : null;

class IsolatedStore implements Store {
  readonly name: string;
  readonly host: AddinHost;
  #facts: StoreFacts;
  #prepared: Promise<void> | null = null;
  readonly #files: FileWay | null;
  extendLock?: (request: ExtendLockRequest) => Promise<void>;

  constructor(host: AddinHost, facts: StoreFacts) {
    this.host = host;
    this.name = facts.name;
    this.#facts = facts;
    const { files } = host.recipe;
    this.#files = files === undefined ? null : new FileWay(host, files, (work) => this.#mended(work));
  }

  get capabilities(): StoreCapabilities {
    if (this.host.facts !== this.#facts) {
      this.#facts = readAnswer<StoreFacts>(this.host.facts, 'storeFacts', this.host.recipe.name);
    }
    return this.#facts.capabilities;
  }

  async put(request: PutRequest): Promise<PutResult> {
    assertKey(request.key);
    await this.#prepare();
    if (this.#files === null) return this.#upload(request);
    return this.#files.put(request, (other, again) =>
      again ? this.#mended(() => this.#upload(other)) : this.#upload(other),
    );
  }

  async #upload({ signal, body, ...params }: PutRequest): Promise<PutResult> {
    const request = { method: 'put', what: `put of ${params.key}`, params, signal };
    return this.#read(await this.host.upload(request, body), 'put');
  }

  async *get(asked: GetRequest): AsyncGenerator<Uint8Array, void, undefined> {
    const { signal, ...params } = asked;
    assertKey(params.key);
    const bytes = await this.#mended(async () => this.#files?.get(asked));
    if (bytes != null) return yield* bytes;
    const request = { method: 'get', what: `get of ${params.key}`, params, signal };
    let begun = false;
    try {
      for await (const piece of this.host.download(request)) {
        begun = true;
        yield piece;
      }
    } catch (error) {
      if (begun || !(await this.#isMended(error))) throw error;
      yield* this.host.download(request);
    }
  }

  async head({ key, signal }: { readonly key: string } & CallOptions): Promise<ObjectInfo | null> {
    assertKey(key);
    const request = { method: 'head', what: `head of ${key}`, params: { key }, signal };
    const answer = await this.#mended(() => this.host.call(request));
    // As a page of one: each form costs milliseconds at its first use.
    const page = { objects: answer === null ? [] : [answer], next: null };
    return this.#read<ListPage>(page, 'list').objects[0] ?? null;
  }

  async list({ signal, ...params }: ListRequest): Promise<ListPage> {
    const what = params.prefix === '' ? 'listing' : `listing of ${params.prefix}`;
    const request = { method: 'list', what, params, signal };
    return this.#read(await this.#mended(() => this.host.call(request)), 'list');
  }

  async remove({ signal, ...params }: RemoveRequest): Promise<void> {
    assertKey(params.key);
    const request = { method: 'remove', what: `remove of ${params.key}`, params, signal };
    await this.#mended(() => this.host.call(request));
  }

  close(): Promise<void> {
    return this.host.close();
  }

  #prepare(): Promise<void> {
    this.#prepared ??= this.host.recipe.beforeChange?.() ?? Promise.resolve();
    this.#prepared.catch(() => {
      this.#prepared = null;
    });
    return this.#prepared;
  }

  /** Once more where it was refused what it owns by now; nothing has come of it then. */
  async #mended<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (await this.#isMended(error)) return work();
      throw error;
    }
  }

  async #isMended(error: unknown): Promise<boolean> {
    const refused = isHoldfastError(error) && error.code === 'STORE_DENIED';
    return refused && (await this.host.recipe.mend?.()) === true;
  }

  #read<T>(value: unknown, form: 'put' | 'list'): T {
    return readAnswer<T>(value, form, this.host.recipe.name);
  }
}

function withLocks(store: IsolatedStore, host: AddinHost): Store {
  store.extendLock = async ({ signal, ...params }) => {
    assertKey(params.key);
    await host.call({ method: 'extendLock', what: `lock of ${params.key}`, params, signal });
  };
  return store;
}
