/**
 * A store in a directory: the path of an object is its key.
 *
 * A put writes `.tmp~/<name>`, syncs it, gives it its final name by link or rename, and syncs every
 * directory that gained a name. The final name is the commit point: a reader sees a whole object or
 * none. Symbolic links inside the store are neither listed nor read.
 */

import { type FileHandle, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type CallOptions,
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
import { Directories } from './directories.ts';
import { pathOf, temporaryName } from './layout.ts';
import { Listings, objectInfo } from './listings.ts';
import { publish } from './publish.ts';
import { isAbsent, openObject, readObject } from './read-object.ts';
import { errnoOf, system } from './system-error.ts';
import { createTemporary, removeStale, type TemporaryFile } from './temporary-files.ts';
import { UnfinishedObject } from './unfinished-object.ts';
import { writeBody } from './write-body.ts';

export class LocalStore implements Store {
  readonly name = 'local';
  readonly capabilities: StoreCapabilities = {
    conditionalCreate: true,
    versions: false,
    objectLock: false,
    storageClasses: [],
    serverSideCopy: false,
    putOnly: false,
  };
  readonly #root: string;
  readonly #directories: Directories;
  readonly #listings: Listings;
  #cleaned: Promise<void> | undefined;

  constructor(root: string) {
    this.#root = root;
    this.#directories = new Directories(root);
    this.#listings = new Listings(root);
  }

  async put(request: PutRequest): Promise<PutResult> {
    const unfinished = await this.beginFile(request);
    try {
      await writeBody(unfinished.file.handle, request);
      return await unfinished.publish();
    } finally {
      await unfinished.discard();
    }
  }

  /** A put whose bytes somebody else writes; whoever begins one publishes it, and discards it in any case. */
  async beginFile(request: Omit<PutRequest, 'body'>): Promise<UnfinishedObject> {
    const { key, signal } = request;
    const finalPath = pathOf(this.#root, key);
    const what = `cannot write ${key}`;
    throwIfInterrupted(signal, `put of ${key}`);
    const temporary = await system(what, this.#temporary());
    // Beside the body: the syncs of new directories and of the file then share the journal's commits.
    const directory = this.#directories.ensure(dirname(finalPath));
    const publish = () => this.#publish(request, temporary.path, finalPath);
    return new UnfinishedObject(temporary, what, directory, publish);
  }

  /** An object, open for reading: whoever opens one closes it. */
  async openFile(request: GetRequest): Promise<FileHandle> {
    return (await openObject(this.#root, request)).handle;
  }

  get(request: GetRequest): AsyncIterable<Uint8Array> {
    return readObject(this.#root, request);
  }

  async head({ key, signal }: { readonly key: string } & CallOptions): Promise<ObjectInfo | null> {
    throwIfInterrupted(signal, `head of ${key}`);
    return system(`cannot look up ${key}`, objectInfo(this.#root, key));
  }

  list(request: ListRequest): Promise<ListPage> {
    return this.#listings.page(request);
  }

  /** Durable as well: after a loss of power a removed manifest must not be back without its data. */
  async remove({ key, signal }: RemoveRequest): Promise<void> {
    throwIfInterrupted(signal, `remove of ${key}`);
    const path = pathOf(this.#root, key);
    try {
      await unlink(path);
    } catch (error) {
      if (isAbsent(error) || errnoOf(error) === 'EISDIR') return;
      await system(`cannot remove ${key}`, Promise.reject(error));
    }
    await system(`cannot remove ${key}`, this.#directories.sync(dirname(path)));
  }

  async close(): Promise<void> {
    this.#listings.close();
  }

  async #temporary(): Promise<TemporaryFile> {
    const directory = join(this.#root, temporaryName);
    await this.#directories.ensure(directory);
    const temporary = await this.#again(directory, () => createTemporary(this.#root));
    this.#cleaned ??= temporary.handle.stat().then(({ mtimeMs }) => removeStale(this.#root, mtimeMs));
    // Leftovers of others must not keep anyone from writing.
    await this.#cleaned.catch(() => {});
    return temporary;
  }

  async #publish(
    request: Pick<PutRequest, 'key' | 'createOnly'>,
    temporaryPath: string,
    finalPath: string,
  ): Promise<void> {
    const directory = dirname(finalPath);
    const createOnly = request.createOnly ?? false;
    await this.#again(directory, () =>
      publish({ root: this.#root, key: request.key, temporaryPath, finalPath, createOnly }),
    );
    try {
      await this.#directories.sync(directory);
    } catch (error) {
      // Visible but not durable. Only a name that was made just now can be taken back.
      if (createOnly) await rm(finalPath, { force: true });
      throw error;
    }
  }

  /** Once more with the directory made anew, in case someone has removed it meanwhile. */
  async #again<T>(directory: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      this.#directories.forgetAll();
      await this.#directories.ensure(directory);
      return work();
    }
  }
}
