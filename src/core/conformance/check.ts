/**
 * What a conformance check is: data with one function.
 *
 * The test suites turn each check into a test, `addin verify` runs the same lists against a customer's
 * own bucket. Nothing in this folder imports a test runner; a check fails by rejecting.
 */

import type { Provider, ProviderCapabilities } from '../contracts/provider.ts';
import type { CallOptions, ObjectInfo, Store, StoreCapabilities } from '../contracts/store.ts';
import { HoldfastError } from '../errors.ts';
import { quoted } from '../printable.ts';

/** What every check is given. Checks leave objects behind; the caller removes them with `sweep`. */
export interface CheckContext extends CallOptions {
  /** Begins every key the check uses. Ends with a slash; nothing else uses it. */
  readonly prefix: string;
  /** Bytes that do not compress and do not repeat between calls. */
  randomBytes(length: number): Uint8Array;
}

export interface StoreCheckContext extends CheckContext {
  /** This machine's clock, which is to be right to the minute. */
  now(): number;
  /** Opens the same place once more, as another process would; the check closes what it gets. */
  reopen(): Promise<Store>;
}

export interface StoreCheck {
  /** A sentence that completes "the store …". */
  readonly name: string;
  /** Where given: the check applies only to stores that claim the ability. */
  readonly when?: (capabilities: StoreCapabilities) => boolean;
  run(subject: Store, context: StoreCheckContext): Promise<void>;
}

export interface ProviderCheckContext extends CheckContext {
  /** The store beneath the subject. It must be a sound one. */
  readonly store: Store;
  /** Makes another provider like the subject, over another store. */
  open(store: Store): Promise<Provider>;
}

export interface ProviderCheck {
  /** A sentence that completes "the provider …". */
  readonly name: string;
  readonly when?: (capabilities: ProviderCapabilities) => boolean;
  run(subject: Provider, context: ProviderCheckContext): Promise<void>;
}

/**
 * Removes every object below a prefix, by version where the store tells one, so that older versions come
 * to light and go as well. Safe to repeat.
 *
 * @throws STORE_DENIED the credentials can write only
 * @throws STORE_UNSOUND the store lists keys outside of the prefix, none of which is removed; or it says that it
 *   has removed an object and goes on listing it
 */
export async function sweep(store: Store, prefix: string, signal: AbortSignal): Promise<void> {
  let before = '';
  for (;;) {
    const page = await store.list({ prefix, limit: 1000, signal });
    const [first] = page.objects;
    if (first === undefined && page.next === null) return;
    const now = `${first?.key} ${first?.version}`;
    if (first === undefined || now === before) {
      throw new HoldfastError('STORE_UNSOUND', `store ${store.name} goes on listing below ${prefix}`);
    }
    before = now;
    // A store that ignores the prefix would have all its backups removed.
    const outside = page.objects.find(({ key }) => !key.startsWith(prefix));
    if (outside !== undefined) {
      const shows = `shows ${quoted(outside.key)}: nothing was removed`;
      throw new HoldfastError(
        'STORE_UNSOUND',
        `store ${store.name}, asked for keys below ${prefix}, ${shows}`,
      );
    }
    const remove = ({ key, version }: ObjectInfo) =>
      store.remove(version === null ? { key, signal } : { key, version, signal });
    await Promise.all(page.objects.map(remove));
  }
}
