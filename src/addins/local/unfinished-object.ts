/**
 * An object on its way: a file that has no name in the store yet. Whoever fills it, here or in another process,
 * makes its bytes durable before it is published.
 */

import { fstatSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import type { PutResult } from '../../core/index.ts';
import { system } from './system-error.ts';
import type { TemporaryFile } from './temporary-files.ts';

export class UnfinishedObject {
  readonly file: TemporaryFile;
  readonly #what: string;
  /** Settles when the directories are there that its name needs. */
  readonly #directory: Promise<void>;
  readonly #name: () => Promise<void>;

  /** @param what for errors: `cannot write KEY`; @param name gives the file its name, durably */
  constructor(file: TemporaryFile, what: string, directory: Promise<void>, name: () => Promise<void>) {
    this.file = file;
    this.#what = what;
    this.#directory = directory;
    this.#name = name;
    directory.catch(() => {});
  }

  /** The descriptor through which it is written. */
  get fd(): number {
    return this.file.handle.fd;
  }

  /** The commit point. The file is as long as the object is to be. */
  async publish(): Promise<PutResult> {
    const { handle } = this.file;
    const look = async () => fstatSync(handle.fd);
    const { size, mtimeMs } = await system(this.#what, look());
    await system(this.#what, handle.close());
    await system(this.#what, this.#directory);
    await system(this.#what, this.#name());
    return { sizeBytes: size, version: null, storedAtMs: Math.floor(mtimeMs) };
  }

  /** After success as after failure. Never throws. */
  async discard(): Promise<void> {
    await this.file.handle.close().catch(() => {});
    // Whoever is told of a failure may remove what is there; nothing is made after that.
    await this.#directory.catch(() => {});
    // Gone already after a rename; after a crash or a failure here the next process removes it.
    await unlink(this.file.path).catch(() => {});
  }
}
