/**
 * The keys to what a store holds: identities that were given on the command line, else the one that the
 * configuration names, where the server may read its own backups.
 *
 * Nothing is read before something encrypted is met, so that a broken secret stops no backup.
 */

import type { AddinConfiguration } from '../core/config/load-configuration.ts';
import { type Identity, readIdentities } from '../core/encryption/identities.ts';
import { openKeyRing } from '../core/encryption/key-ring.ts';
import { type KeyedProvider, type KeyRing, withKeys } from '../core/encryption/keyed-provider.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Provider, Store } from '../core/index.ts';
import { readSecret } from '../core/settings/secrets.ts';
import type { World } from './world.ts';

export interface KeysOf {
  readonly store: Store;
  readonly provider: Provider;
  readonly world: Pick<World, 'env' | 'signal'>;
  /** Given on the command line; null where nothing was. */
  readonly identities?: readonly Identity[] | null;
}

/** The provider with its keys, where there are any to be had. */
export function openKeys(
  { encryption }: Pick<AddinConfiguration, 'encryption'>,
  { store, provider, world, identities = null }: KeysOf,
): KeyedProvider {
  const given = identities !== null && identities.length > 0 ? identities : null;
  const reference = encryption === 'none' ? undefined : encryption.identity;
  if (given === null && reference === undefined) return provider;
  const open = async (): Promise<KeyRing> => {
    const usable = given ?? (await configured(reference!, world));
    return openKeyRing({ store, provider, identities: usable, signal: world.signal });
  };
  let ring: Promise<KeyRing> | null = null;
  const opened = (): Promise<KeyRing> => {
    ring ??= open();
    return ring;
  };
  const keys: KeyRing = {
    pairs: async (place) => (await opened()).pairs(place),
    open: async (key, file) => (await opened()).open(key, file),
    forget: async (owner) => (await opened()).forget(owner),
  };
  return withKeys(provider, { keys });
}

async function configured(reference: string, world: Pick<World, 'env'>): Promise<readonly Identity[]> {
  const text = Buffer.from(await readSecret(reference, world));
  return readIdentities(text, 'the identity of the configuration', async () => {
    throw new HoldfastError('SECRET_UNUSABLE', 'the identity of the configuration is under a passphrase', {
      hint: 'Name one without a passphrase, or leave encryption.identity out and give --identity FILE.',
    });
  });
}
