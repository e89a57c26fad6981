/**
 * The store on an rclone remote. It promises what the remote is known to do, and nothing else: no versions,
 * no locks, and creating once only as far as looking first can tell.
 */

import { randomUUID } from 'node:crypto';
import {
  assertKey,
  type GetRequest,
  type ListPage,
  type ListRequest,
  type ObjectInfo,
  type PutRequest,
  type PutResult,
  type RemoveRequest,
  type Store,
  type StoreCapabilities,
  throwIfInterrupted,
} from '../../core/index.ts';
import { asFailure } from './failures.ts';
import { objectInfo } from './list-keys.ts';
import { Listings } from './listings.ts';
import { readObject } from './read-object.ts';
import { Remote } from './remote.ts';
import type { RcloneSettings } from './settings.ts';
import { Turns } from './turns.ts';
import { Writer } from './write-object.ts';

export function openRcloneStore(settings: RcloneSettings, newId: () => string = randomUUID): Store {
  return new RcloneStore(new Remote(settings), newId);
}

class RcloneStore implements Store {
  readonly name = 'rclone';
  readonly #remote: Remote;
  readonly #turns = new Turns();
  readonly #writer: Writer;
  readonly #listings: Listings;

  constructor(remote: Remote, newId: () => string) {
    this.#remote = remote;
    this.#writer = new Writer(remote, this.#turns, newId);
    this.#listings = new Listings((directory, signal) => remote.entries(directory, signal));
  }

  /** What is told by the remote is false until it was first asked. */
  get capabilities(): StoreCapabilities {
    return {
      conditionalCreate: false,
      versions: false,
      objectLock: false,
      storageClasses: [],
      serverSideCopy: this.#remote.abilities?.serverSideCopy ?? false,
      putOnly: false,
    };
  }

  async put(request: PutRequest): Promise<PutResult> {
    assertKey(request.key);
    throwIfInterrupted(request.signal, `put of ${request.key}`);
    return this.#writer.put(request);
  }

  async *get(request: GetRequest): AsyncGenerator<Uint8Array> {
    assertKey(request.key);
    yield* readObject(this.#remote, this.#turns, request);
  }

  async head({ key, signal }: Parameters<Store['head']>[0]): Promise<ObjectInfo | null> {
    assertKey(key);
    return this.#tried(`look at ${key}`, signal, async () => {
      const found = await this.#turns.take(key, () => this.#remote.stat(key, signal));
      return found === null ? null : objectInfo(key, found);
    });
  }

  async list(request: ListRequest): Promise<ListPage> {
    return this.#tried(`list ${request.prefix || 'everything'}`, request.signal, () =>
      this.#listings.page(request),
    );
  }

  async remove({ key, version, signal }: RemoveRequest): Promise<void> {
    assertKey(key);
    // There are no versions here: whoever names one means an object of another store.
    if (version !== undefined) return;
    await this.#tried(`remove ${key}`, signal, () =>
      this.#turns.take(key, () => this.#remote.remove(key, signal)),
    );
  }

  async close(): Promise<void> {
    this.#listings.close();
    await this.#remote.close();
  }

  async #tried<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      throwIfInterrupted(signal, what);
      return await work();
    } catch (error) {
      throw asFailure(error, `${what} on ${this.#remote.fs}`, signal);
    }
  }
}
