/**
 * Directories of the store, made durable.
 *
 * A new name survives a loss of power only after an fsync of the directory that holds it. A directory
 * that exists may have been made by a process that died before that fsync, so its parent is synced
 * once per process in any case. From the second such directory on its parent is listed before: the sync then holds for
 * all that lay in it, and is not repeated for each of a thousand accounts. Each would make the disk write out its cache.
 *
 * Looks and opens are synchronous, as listings are: each put needs several, and a trip through the thread pool costs many times
 * as much.
 */

import { closeSync, constants, fsync, lstatSync, openSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import { HoldfastError } from '../../core/index.ts';
import { errnoOf } from './system-error.ts';

const directoryMode = 0o700;
/** Forgetting costs a look and at times an fsync, remembering costs memory. */
const mostRemembered = 20_000;

export class Directories {
  readonly #root: string;
  readonly #ready = new Map<string, Promise<void>>();
  readonly #syncs = new Map<string, { running: Promise<void>; next: Promise<void> | null }>();

  /** Names that a sync made durable, by directory; null where it was synced and has not been listed. */
  readonly #durable = new Map<string, ReadonlySet<string> | null>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Makes the directory and its parents where they are missing. Safe to repeat. */
  async ensure(directory: string): Promise<void> {
    let ready = this.#ready.get(directory);
    if (ready === undefined) {
      if (this.#ready.size >= mostRemembered) this.forgetAll();
      ready = directory === this.#root ? this.#makeRoot() : this.#make(directory);
      this.#ready.set(directory, ready);
      ready.catch(() => this.#ready.delete(directory));
    }
    await ready;
  }

  /** To be called also when a directory turned out to be gone: it is made again next time. */
  forgetAll(): void {
    this.#ready.clear();
    this.#durable.clear();
  }

  /**
   * Syncs a directory. Calls that come while one is running share the next one: eight puts into one
   * directory cost two syncs instead of eight.
   */
  sync(directory: string): Promise<void> {
    const state = this.#syncs.get(directory);
    if (state === undefined) {
      const running = syncOnce(directory);
      this.#syncs.set(directory, { running, next: null });
      this.#settle(directory, running);
      return running;
    }
    state.next ??= state.running
      .catch(() => {})
      .then(() => {
        const running = syncOnce(directory);
        this.#syncs.set(directory, { running, next: null });
        this.#settle(directory, running);
        return running;
      });
    return state.next;
  }

  #settle(directory: string, running: Promise<void>): void {
    const forget = () => {
      const state = this.#syncs.get(directory);
      if (state?.running === running && state.next === null) this.#syncs.delete(directory);
    };
    running.then(forget, forget);
  }

  async #makeRoot(): Promise<void> {
    const first = await mkdir(this.#root, { recursive: true, mode: directoryMode });
    if (first === undefined) return;
    for (let made = this.#root; made.length >= first.length; made = dirname(made))
      await this.sync(dirname(made));
  }

  async #make(directory: string): Promise<void> {
    const parent = dirname(directory);
    await this.ensure(parent);
    const known = this.#durable.get(parent);
    if (!isDirectory(directory)) {
      try {
        await mkdir(directory, { mode: directoryMode });
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST' || !isDirectory(directory)) throw error;
      }
    } else if (known?.has(basename(directory)) === true) return;
    const names = known === null ? await namesIn(parent) : known;
    await this.sync(parent);
    this.#durable.set(parent, names ?? null);
  }
}

/** None where they are too many to be remembered. */
async function namesIn(directory: string): Promise<ReadonlySet<string>> {
  const names = await readdir(directory);
  return new Set(names.length > mostRemembered ? [] : names);
}

/** False where there is nothing. */
function isDirectory(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory()) return found !== undefined;
  throw new HoldfastError('STORE_UNAVAILABLE', `${path} is not a directory`, {
    hint: 'Remove the file or link that lies in the store where a directory belongs.',
  });
}

const syncFd = promisify(fsync);

async function syncOnce(directory: string): Promise<void> {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await syncFd(fd);
  } catch (error) {
    // Some network and FUSE file systems have no fsync of directories and make names durable themselves.
    if (errnoOf(error) !== 'EINVAL' && errnoOf(error) !== 'ENOTSUP') throw error;
  } finally {
    closeSync(fd);
  }
}
