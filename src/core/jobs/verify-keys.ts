/**
 * Whether the store still has the keys that its snapshots are encrypted to: without them all the rest is
 * noise. Needs no identity.
 */

import type { ManifestHeader } from '../archive/manifest.ts';
import type { Store } from '../contracts/store.ts';
import { type ListedKey, listKeys } from '../encryption/owner-keys.ts';
import { HoldfastError } from '../errors.ts';

/** Asks once for each account. */
export class KeyCheck {
  readonly #store: Store;
  readonly #signal: AbortSignal;
  readonly #listed = new Map<string, Promise<readonly ListedKey[]>>();

  constructor({ store, signal }: { readonly store: Store; readonly signal: AbortSignal }) {
    this.#store = store;
    this.#signal = signal;
  }

  /**
   * For the body, and for the objects of every epoch that are referred to.
   *
   * @throws OBJECT_MISSING a key is gone
   */
  async check({ server, owner, encryption, objects, references }: ManifestHeader): Promise<void> {
    if (encryption === undefined) return;
    const place = `${server}/${owner}`;
    let keys = this.#listed.get(place);
    if (keys === undefined) {
      keys = listKeys(this.#store, { server, owner }, this.#signal);
      this.#listed.set(place, keys);
    }
    const there = await keys;
    const { epoch, pair } = encryption;
    const own = there.some((one) => one.epoch === epoch && one.pair === pair);
    const needed = new Set([...objects, ...references].flatMap((one) => one.epoch ?? []));
    const gone = [...needed].filter((number) => !there.some((one) => one.epoch === number));
    if (own && gone.length === 0) return;
    const which = own ? gone.join(', ') : epoch;
    throw new HoldfastError('OBJECT_MISSING', `the key of epoch ${which} is missing in keys/${place}/`);
  }
}
