/**
 * Puts an object so that it shows all at once.
 *
 * Where the remote shows an upload only at its end, it goes straight to its place. Elsewhere it gets a name
 * below `.tmp~`, which no key can have, is measured there and then renamed.
 */

import { HoldfastError, interruptible, type PutRequest, type PutResult } from '../../core/index.ts';
import { asFailure, RcloneRefusal } from './failures.ts';
import { foldsCase, type Remote } from './remote.ts';
import { type Upload, upload } from './requests.ts';
import type { Turns } from './turns.ts';

const temporary = '.tmp~';
/** Of an upload that was given up and may be left behind. */
const tidyingMs = 10_000;

export class Writer {
  readonly #remote: Remote;
  readonly #turns: Turns;
  readonly #newId: () => string;
  #tellsCase = false;

  constructor(remote: Remote, turns: Turns, newId: () => string) {
    this.#remote = remote;
    this.#turns = turns;
    this.#newId = newId;
  }

  async put(request: PutRequest): Promise<PutResult> {
    const { key, signal } = request;
    const what = `put ${key} on ${this.#remote.fs}`;
    try {
      const { abilities } = await this.#remote.ready(signal);
      if (request.createOnly === true) await this.#refuseExisting(request);
      const sizeBytes = await (abilities.atomic
        ? this.#send(key, request, (lastStep) => this.#turns.take(key, lastStep))
        : this.#sendAndRename(request));
      return { sizeBytes, version: null, storedAtMs: null };
    } catch (error) {
      throw asFailure(error, what, signal);
    }
  }

  async #sendAndRename(request: PutRequest): Promise<number> {
    const { key, signal } = request;
    const path = `${temporary}/${this.#newId()}`;
    try {
      const sizeBytes = await this.#send(path, request, (lastStep) => lastStep());
      const stored = await this.#remote.stat(path, signal);
      if (stored?.sizeBytes !== sizeBytes) {
        const found = stored === null ? 'nothing' : `${stored.sizeBytes} bytes`;
        throw new HoldfastError(
          'STORE_UNAVAILABLE',
          `${this.#remote.fs} has ${found} of ${sizeBytes} bytes of ${key}`,
        );
      }
      await this.#lookForFolding(path, signal);
      await this.#turns.take(key, async () => {
        if (request.createOnly === true) await this.#refuseExisting(request);
        await this.#remote.rename(path, key, signal);
      });
      return sizeBytes;
    } catch (error) {
      await this.#remote.remove(path, AbortSignal.timeout(tidyingMs)).catch(() => {});
      throw error;
    }
  }

  /** What lies beneath a remote may fold case although the remote does not say so. */
  async #lookForFolding(path: string, signal: AbortSignal): Promise<void> {
    if (this.#tellsCase) return;
    if ((await this.#remote.stat(path.toUpperCase(), signal)) !== null) throw foldsCase(this.#remote.fs);
    this.#tellsCase = true;
  }

  async #refuseExisting({ key, signal }: PutRequest): Promise<void> {
    if ((await this.#remote.stat(key, signal)) !== null)
      throw new HoldfastError('OBJECT_EXISTS', `object ${key} exists`);
  }

  async #send(path: string, request: PutRequest, commit: Upload['commit']): Promise<number> {
    const { rclone } = await this.#remote.ready(request.signal);
    const slash = path.lastIndexOf('/');
    const body = measured(request);
    const place = { directory: path.slice(0, Math.max(0, slash)), name: path.slice(slash + 1) };
    const { signal } = request;
    const sizeBytes = await upload(rclone, { fs: this.#remote.fs, ...place, body, commit, signal });
    if (request.sizeBytes !== undefined && sizeBytes !== request.sizeBytes)
      throw new RcloneRefusal(0, 'the upload ended early');
    return sizeBytes;
  }
}

/** @throws INTERNAL the body has another size than declared; before its last byte is sent */
async function* measured({ key, body, sizeBytes, signal }: PutRequest): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const chunk of interruptible(body, signal, `put of ${key}`)) {
    total += chunk.length;
    if (sizeBytes !== undefined && total > sizeBytes)
      throw wrongSize(key, `more than ${sizeBytes}`, sizeBytes);
    yield chunk;
  }
  if (sizeBytes !== undefined && total !== sizeBytes) throw wrongSize(key, String(total), sizeBytes);
}

function wrongSize(key: string, actual: string, declared: number): HoldfastError {
  return new HoldfastError('INTERNAL', `body of ${key} has ${actual} bytes, not the declared ${declared}`);
}
