/**
 * The remote behind rclone: what it can do, and single questions to it.
 *
 * Keeps one rclone. It is started by the first question and again by the first one after it ended.
 */

import { HoldfastError, keyProblem } from '../../core/index.ts';
import { asFailure, RcloneLost, RcloneRefusal } from './failures.ts';
import { type RunningRclone, startRclone } from './process.ts';
import { call, isAlive, lost, type Parameters } from './requests.ts';
import type { RcloneSettings } from './settings.ts';

export interface Entry {
  readonly name: string;
  readonly directory: boolean;
  readonly sizeBytes: number;
  /** Whole seconds: all that every remote tells. */
  readonly modifiedAtMs: number;
}

export interface Abilities {
  /** An upload shows at its end, all at once: a service of objects, not of files. */
  readonly atomic: boolean;
  readonly serverSideCopy: boolean;
}

export class Remote {
  readonly fs: string;
  readonly #settings: RcloneSettings;
  #starting: Promise<RunningRclone> | null = null;
  #abilities: Abilities | null = null;
  #closed = false;

  constructor(settings: RcloneSettings) {
    this.#settings = settings;
    this.fs = settings.remote;
  }

  /** As far as they are known: null before the first question. */
  get abilities(): Abilities | null {
    return this.#abilities;
  }

  /** @throws CONFIG_INVALID, STORE_UNSOUND the remote cannot keep backups; and whatever keeps rclone from it */
  async ready(signal: AbortSignal): Promise<{ rclone: RunningRclone; abilities: Abilities }> {
    const what = `use the remote ${this.fs}`;
    if (this.#closed) throw new HoldfastError('INTERNAL', `cannot ${what}: the store is closed`);
    const before = this.#starting;
    const running = await before?.catch(() => null);
    const alive = running !== undefined && running !== null && (await isAlive(running));
    // Of several that come here at once, one starts it.
    if (!alive && this.#starting === before) {
      running?.stop().catch(() => {});
      this.#starting = this.#start();
    }
    try {
      const rclone = await unlessAborted(this.#starting!, signal);
      return { rclone, abilities: this.#abilities! };
    } catch (error) {
      throw asFailure(error, what, signal, this.#settings.config);
    }
  }

  async #start(): Promise<RunningRclone> {
    const rclone = await startRclone(this.#settings);
    try {
      this.#abilities = abilitiesOf(this.fs, await call(rclone, 'operations/fsinfo', { fs: this.fs }));
      return rclone;
    } catch (error) {
      await rclone.stop();
      // What it said may come later than that it has ended.
      throw error instanceof RcloneLost ? lost(rclone, error) : error;
    }
  }

  async ask(path: string, parameters: Parameters, signal: AbortSignal): Promise<Parameters> {
    return call((await this.ready(signal)).rclone, path, parameters, signal);
  }

  /** Null where there is no such file. */
  async stat(path: string, signal: AbortSignal): Promise<Entry | null> {
    const opt = { filesOnly: true, noMimeType: true };
    const { item } = await this.ask('operations/stat', { fs: this.fs, remote: path, opt }, signal);
    const entry = item === null || item === undefined ? null : entryOf(item);
    return entry === null || entry.directory ? null : entry;
  }

  /** One directory, unsorted; empty where there is none. Whatever no key can name is left out. */
  async entries(directory: string, signal: AbortSignal): Promise<Entry[]> {
    const opt = { noMimeType: true };
    const request = { fs: this.fs, remote: directory, opt };
    const { list } = await this.ask('operations/list', request, signal).catch(unlessAbsent);
    const entries = Array.isArray(list) ? list.map(entryOf) : [];
    return entries.filter(({ name }) => !name.includes('/') && keyProblem(name) === null);
  }

  /** Renames on the remote. What bears the new name goes, whether or not it looks the same. */
  async rename(from: string, to: string, signal: AbortSignal): Promise<void> {
    const place = { srcFs: this.fs, srcRemote: from, dstFs: this.fs, dstRemote: to };
    await this.ask('operations/movefile', { ...place, _config: { IgnoreTimes: true } }, signal);
  }

  async remove(path: string, signal: AbortSignal): Promise<void> {
    await this.ask('operations/deletefile', { fs: this.fs, remote: path }, signal).catch(unlessAbsent);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const running = await this.#starting?.catch(() => null);
    await running?.stop();
  }
}

/** A service that does not answer is not waited for once nobody wants to know. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const stop = Promise.withResolvers<never>();
  const abort = () => stop.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, stop.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function unlessAbsent(error: unknown): Parameters {
  if (error instanceof RcloneRefusal && (error.status === 404 || /is a directory/.test(error.message)))
    return {};
  throw error;
}

function entryOf(item: unknown): Entry {
  const { Name, IsDir, Size, ModTime } = item as Parameters;
  const instant = Date.parse(String(ModTime));
  return {
    name: String(Name),
    directory: IsDir === true,
    sizeBytes: Number(Size),
    modifiedAtMs: Number.isNaN(instant) ? 0 : Math.floor(instant / 1000) * 1000,
  };
}

function abilitiesOf(fs: string, { Features }: Parameters): Abilities {
  const can = (Features ?? {}) as Parameters;
  if (can['CaseInsensitive'] === true) throw foldsCase(fs);
  const atomic = can['BucketBased'] === true;
  if (!atomic && can['Move'] !== true) {
    throw new HoldfastError('CONFIG_INVALID', `the remote ${fs} can neither store in one step nor rename`, {
      hint: 'Use a remote of another kind: a broken upload would look like a whole one.',
    });
  }
  return { atomic, serverSideCopy: can['Copy'] === true };
}

export function foldsCase(fs: string): HoldfastError {
  const message = `the remote ${fs} does not tell capitals from small letters, so that one object could replace another`;
  return new HoldfastError('STORE_UNSOUND', message, {
    hint: 'Put a crypt remote with encrypted names over it, or use a remote that tells them apart.',
  });
}
