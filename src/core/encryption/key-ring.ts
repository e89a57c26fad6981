/**
 * Opens the key objects of a store with the identities of an administrator, each once, when it is needed.
 *
 * Private halves stay in this process's memory and are never written anywhere.
 */

import type { KeyPair } from '../age/x25519.ts';
import type { Provider } from '../contracts/provider.ts';
import type { Store } from '../contracts/store.ts';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import type { Identity } from './identities.ts';
import type { KeyRing } from './keyed-provider.ts';
import { type ListedKey, listKeys, openEpoch, openKeyFile } from './owner-keys.ts';

export interface KeyRingRequest {
  readonly store: Store;
  readonly provider: Provider;
  /** At least one. */
  readonly identities: readonly Identity[];
  readonly signal: AbortSignal;
}

export function openKeyRing(request: KeyRingRequest): KeyRing {
  const { store, signal } = request;
  const listed = new Map<string, Promise<readonly ListedKey[]>>();
  const opened = new Map<string, Promise<readonly KeyPair[]>>();
  // What failed is asked again: a store may have been away for a moment.
  const once = <T>(cache: Map<string, Promise<T>>, slot: string, make: () => Promise<T>): Promise<T> => {
    const known = cache.get(slot);
    if (known !== undefined) return known;
    const made = make();
    cache.set(slot, made);
    made.catch(() => cache.delete(slot));
    return made;
  };
  return {
    pairs({ server, owner, epoch }) {
      const place = `${server}/${owner}`;
      return once(opened, `${place}/${epoch}`, async () => {
        const all = await once(listed, place, () => listKeys(store, { server, owner }, signal));
        const fitting = all.filter((one) => one.epoch === epoch);
        if (fitting.length === 0) throw noKey(place, epoch);
        return openAll(request, fitting);
      });
    },
    async open(key, file) {
      try {
        return (await openKeyFile(file, key, request.identities)).pair;
      } catch (error) {
        if (!isHoldfastError(error) || !/^IDENTITY_/.test(error.code)) throw error;
        return null;
      }
    },
    async forget({ server, owner }) {
      const place = `${server}/${owner}`;
      listed.delete(place);
      for (const slot of opened.keys()) if (slot.startsWith(`${place}/`)) opened.delete(slot);
    },
  };
}

/**
 * All pairs that open, each once. Whoever may write to the store can put revisions above one that opens: such as do
 * not, and such as hold a pair made to share its id. So every revision is looked into; one that does not open matters
 * only where none does.
 */
async function openAll(
  { provider, identities, signal }: KeyRingRequest,
  keys: readonly ListedKey[],
): Promise<readonly KeyPair[]> {
  const pairs: KeyPair[] = [];
  let first: unknown = null;
  for (const key of [...keys].sort((a, b) => b.revision - a.revision)) {
    try {
      const { pair } = await openEpoch(provider, key, identities, signal);
      if (!pairs.some(({ publicKey }) => publicKey.equals(pair.publicKey))) pairs.push(pair);
    } catch (error) {
      if (!isHoldfastError(error) || !/^(?:IDENTITY|OBJECT)_/.test(error.code)) throw error;
      first ??= error;
    }
  }
  if (pairs.length === 0) throw first;
  return pairs;
}

function noKey(place: string, epoch: number): HoldfastError {
  return new HoldfastError('OBJECT_MISSING', `the store has no key of epoch ${epoch} in keys/${place}/`, {
    hint: 'Run `holdfast repair`, which takes it from a copy; where the account was erased, nothing can open its snapshots.',
  });
}
