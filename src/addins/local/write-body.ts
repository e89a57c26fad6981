/**
 * Writes a body into an open file and makes it durable.
 *
 * Chunks may be of any size and may be reused by their producer: small ones are gathered by copying,
 * large ones are written before the next is asked for. A large file is synced in the background as it
 * grows, so that the disk works while the producer does and the last sync is short.
 */

import type { FileHandle } from 'node:fs/promises';
import { HoldfastError, interruptible, type PutRequest } from '../../core/index.ts';
import { system } from './system-error.ts';

const gatherBytes = 256 * 1024;
/** Buffers to be used again: a run over many small accounts would otherwise collect garbage most of the time. */
const spare: Buffer[] = [];
const mostSpare = 8;
const backgroundSyncBytes = 32 * 1024 * 1024;

/** Gives the number of bytes written. Errors of the body pass through as they are. */
export async function writeBody(handle: FileHandle, request: PutRequest): Promise<number> {
  const { key, sizeBytes } = request;
  const what = `cannot write ${key}`;
  const syncs = new BackgroundSync(handle);
  const gathered = spare.pop() ?? Buffer.allocUnsafeSlow(gatherBytes);
  let gatheredBytes = 0;
  let total = 0;

  const flush = async () => {
    if (gatheredBytes === 0) return;
    await system(what, writeAll(handle, gathered.subarray(0, gatheredBytes)));
    gatheredBytes = 0;
  };

  try {
    for await (const chunk of interruptible(request.body, request.signal, `put of ${key}`)) {
      total += chunk.length;
      if (sizeBytes !== undefined && total > sizeBytes)
        throw wrongSize(key, `more than ${sizeBytes}`, sizeBytes);
      if (gatheredBytes + chunk.length > gatherBytes) await flush();
      if (chunk.length > gatherBytes) {
        await system(what, writeAll(handle, chunk));
      } else {
        gathered.set(chunk, gatheredBytes);
        gatheredBytes += chunk.length;
      }
      syncs.grownTo(total);
    }
    if (sizeBytes !== undefined && total !== sizeBytes) throw wrongSize(key, String(total), sizeBytes);
    await flush();
  } finally {
    await syncs.settled();
    if (spare.length < mostSpare) spare.push(gathered);
  }
  await system(what, syncs.finish());
  return total;
}

function wrongSize(key: string, actual: string, declared: number): HoldfastError {
  return new HoldfastError('INTERNAL', `body of ${key} has ${actual} bytes, not the declared ${declared}`);
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    offset += (await handle.write(bytes, offset)).bytesWritten;
  }
}

class BackgroundSync {
  readonly #handle: FileHandle;
  #syncedTo = 0;
  #running: Promise<void> | null = null;
  // The kernel reports a failed write-back once. It must not get lost in a sync nobody waited for.
  #failure: { readonly error: unknown } | null = null;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  grownTo(bytes: number): void {
    if (this.#running !== null || bytes - this.#syncedTo < backgroundSyncBytes) return;
    this.#syncedTo = bytes;
    this.#running = this.#handle
      .datasync()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#running = null;
      });
  }

  async settled(): Promise<void> {
    await this.#running;
  }

  async finish(): Promise<void> {
    if (this.#failure !== null) throw this.#failure.error;
    await this.#handle.sync();
  }
}
