/** Syncs a file in the background as it grows: the disk works while the producer does. */

import type { FileHandle } from 'node:fs/promises';

const everyBytes = 32 * 1024 * 1024;

export class BackgroundSync {
  readonly #handle: FileHandle;
  #syncedTo = 0;
  #running: Promise<void> | null = null;
  // The kernel reports a failed write-back once. It must not get lost in a sync nobody waited for.
  #failure: { readonly error: unknown } | null = null;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  grownTo(bytes: number): void {
    if (this.#running !== null || bytes - this.#syncedTo < everyBytes) return;
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

  /** Nothing runs any more. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** The last sync, after which all is on the disk. @throws also what an earlier one found */
  async finish(): Promise<void> {
    await this.settled();
    if (this.#failure !== null) throw this.#failure.error;
    await this.#handle.sync();
  }
}
