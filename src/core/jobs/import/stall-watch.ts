/**
 * Notices an import whose server has fallen silent. No limit on the whole: a statement may take hours, as building
 * an index does, so where nothing has moved for a while the server is asked over another connection.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseImporter } from '../../databases/import/types.ts';
import { HoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';

/** Longest time that an answer may take. */
const longestAnswerMs = 30_000;

export class StallWatch {
  readonly #importer: DatabaseImporter;
  readonly #stop = new AbortController();
  #moved = false;
  /** The server gave no answer. */
  stalled: HoldfastError | null = null;

  constructor(importer: DatabaseImporter) {
    this.#importer = importer;
  }

  /** Something got further. */
  moved(): void {
    this.#moved = true;
  }

  /**
   * Does `work`, whose signal is aborted where the server is silent; whatever it leaves undone then is not waited for.
   *
   * @throws IMPORT_FAILED the server is silent
   */
  async during<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const given = new AbortController();
    const both = AbortSignal.any([signal, given.signal]);
    const silent = this.#silence().then((error) => {
      given.abort(error);
      throw error;
    });
    silent.catch(() => {}); // it loses the race where the work ends
    try {
      return await Promise.race([work(both), silent]);
    } catch (error) {
      throw this.stalled ?? error;
    } finally {
      this.#stop.abort();
    }
  }

  /** Resolves only where the server is silent; rejects once nobody listens. */
  async #silence(): Promise<HoldfastError> {
    const { stallMs } = this.#importer;
    for (;;) {
      this.#moved = false;
      await sleep(stallMs, undefined, { signal: this.#stop.signal, ref: false });
      if (this.#moved || (await this.#answers())) continue;
      this.stalled = new HoldfastError(
        'IMPORT_FAILED',
        `${quoted(this.#importer.instance)} does not answer, and the import has not moved for ${Math.round(stallMs / 1000)} s`,
        { hint: 'See what the server waits for, then run the command again: it cleans up first.' },
      );
      return this.stalled;
    }
  }

  async #answers(): Promise<boolean> {
    const limit = AbortSignal.timeout(Math.min(this.#importer.stallMs, longestAnswerMs));
    const refused = new Promise<boolean>((resolve) => {
      limit.addEventListener('abort', () => resolve(false), { once: true });
    });
    const answered = this.#importer.databases(limit).then(
      () => true,
      () => false,
    );
    return await Promise.race([answered, refused]);
  }
}
