/**
 * Removes keys, all versions of them where the store has versions, and counts what became of each. What is
 * locked is not tried.
 *
 * A store that refuses is no failure of the run: append-only credentials are a choice. After some refusals
 * in a row nothing more is tried. Everything else that fails ends the run, which can be repeated.
 */

import type { Store } from '../../contracts/store.ts';
import { isHoldfastError } from '../../errors.ts';
import { lockEnd } from './locks.ts';
import type { PruneRequest, StoredKey, Tally } from './types.ts';

/** An object that was put again and again has as many versions; more than this is left to the next run. */
const mostVersions = 32;
/** Refusals in a row after which the credentials are known. */
const patience = 10;

/** Without a clock locks are not looked at, and what is locked counts as denied. */
type RemoverRequest = Pick<PruneRequest, 'store' | 'signal' | 'onEvent'> &
  Partial<Pick<PruneRequest, 'world'>>;

export class Remover {
  readonly #request: RemoverRequest;
  readonly removed: Tally = { count: 0, bytes: 0 };
  denied = 0;
  /** What an object lock keeps for now. */
  readonly locked: Tally = { count: 0, bytes: 0 };
  /** When the first and the last of these locks end. */
  lockEnds: readonly [first: number, last: number] | null = null;
  #inRow = 0;

  constructor(request: RemoverRequest) {
    this.#request = request;
  }

  /** Whether it is gone. `alone`: its other versions stay. @throws STORE_UNAVAILABLE, INTERRUPTED */
  async remove({ key, version, sizeBytes }: StoredKey, alone = false): Promise<boolean> {
    const { store, signal, onEvent } = this.#request;
    signal.throwIfAborted();
    if (this.#inRow >= patience) {
      this.denied += 1;
      return false;
    }
    if (await this.#isLocked(key, sizeBytes)) return false;
    try {
      await store.remove({ key, signal, ...(version === null ? {} : { version }) });
      if (!alone) await removeOthers(store, key, signal);
    } catch (error) {
      if (!isHoldfastError(error) || error.code !== 'STORE_DENIED') throw error;
      this.denied += 1;
      this.#inRow += 1;
      return false;
    }
    this.#inRow = 0;
    this.removed.count += 1;
    this.removed.bytes += sizeBytes;
    onEvent({ type: 'removed', count: 1, bytes: sizeBytes });
    return true;
  }

  async #isLocked(key: string, sizeBytes: number): Promise<boolean> {
    const { store, signal, world } = this.#request;
    const end = world === undefined ? null : await lockEnd(store, key, world.now(), signal);
    if (end === null) return false;
    this.locked.count += 1;
    this.locked.bytes += sizeBytes;
    const [first, last] = this.lockEnds ?? [end, end];
    this.lockEnds = [Math.min(first, end), Math.max(last, end)];
    return true;
  }
}

/** An older version comes to light when the newest goes; what was pruned must not be back. */
async function removeOthers(store: Store, key: string, signal: AbortSignal): Promise<void> {
  if (!store.capabilities.versions) return;
  for (let tries = 0; tries < mostVersions; tries++) {
    const older = await store.head({ key, signal });
    if (older === null) return;
    await store.remove({ key, signal, ...(older.version === null ? {} : { version: older.version }) });
  }
}
