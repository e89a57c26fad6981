/**
 * What a run without `apply` looks at: the store as it would be with all that it found in copies, nothing of which is written.
 * So what depends on a manifest, a key or an index that a copy has is in the plan as well, and nothing is in it twice.
 */

import type { KeyPair } from '../../age/x25519.ts';
import type { Store } from '../../contracts/store.ts';
import { type KeyRing, withKeys } from '../../encryption/keyed-provider.ts';
import { isHoldfastError } from '../../errors.ts';
import type { JudgedKey } from './judge-keys.ts';
import type { RepairCopy, RepairRequest } from './types.ts';

type Place = Parameters<KeyRing['pairs']>[0];

const slotOf = ({ server, owner, epoch }: Place): string => `${server}/${owner}/${epoch}`;

export class Planned {
  readonly #taken = new Map<string, RepairCopy>();
  readonly #pairs = new Map<string, KeyPair[]>();

  /** From now on the object counts as the copy has it. */
  take(key: string, copy: RepairCopy): void {
    this.#taken.set(key, copy);
  }

  /** From now on it opens what it is the key of, where an identity has opened it. */
  takeKey({ server, owner, epoch, opened }: JudgedKey): void {
    if (opened === null) return;
    const slot = slotOf({ server, owner, epoch });
    this.#pairs.set(slot, [...(this.#pairs.get(slot) ?? []), opened]);
  }

  /** The same request, of the store with all that was and will be taken. */
  over(request: RepairRequest): RepairRequest {
    const { store, provider } = request;
    const { keys, ...extra } = provider;
    const seen = withKeys(provider, {
      ...(extra.local === undefined ? {} : { local: extra.local }),
      ...(extra.siteOf === undefined ? {} : { siteOf: extra.siteOf }),
      keys: keys ? this.#ring(keys) : null,
    });
    const get: typeof provider.get = (what) => (this.#taken.get(what.key)?.provider ?? provider).get(what);
    return { ...request, store: this.#store(store), provider: { ...seen, get } };
  }

  #store(store: Store): Store {
    const head: Store['head'] = (what) => (this.#taken.get(what.key)?.store ?? store).head(what);
    return new Proxy(store, {
      get(target, name) {
        if (name === 'head') return head;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  #ring(keys: KeyRing): KeyRing {
    return {
      pairs: async (place) => {
        const taken = this.#pairs.get(slotOf(place)) ?? [];
        const own = await keys.pairs(place).catch((error: unknown) => {
          if (taken.length === 0 || !isHoldfastError(error) || !/^(?:OBJECT|IDENTITY)_/.test(error.code))
            throw error;
          return [];
        });
        const isNew = ({ publicKey }: KeyPair): boolean =>
          !own.some((one) => one.publicKey.equals(publicKey));
        return [...own, ...taken.filter(isNew)];
      },
      open: (key, file) => keys.open(key, file),
      forget: (owner) => keys.forget(owner),
    };
  }
}
