/**
 * Whose encrypted snapshots a plain one would come to lie beside: a store that is encrypted gets no plain ones by
 * accident, least of all from a machine that is new to it.
 *
 * Told from keys alone, by one small listing where there are none. What is not called as keys and manifests are counts
 * for nothing: anybody who shares the store may put it there.
 */

import { parseManifestKey, parseOwnerKeyKey } from '../../archive/keys.ts';
import type { Store } from '../../contracts/store.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';

/** `others`: other servers have some, and this one has nothing there as yet. */
export type EncryptedBeside = 'none' | 'own' | 'others';

/**
 * A server that shares a store with encrypted ones and has snapshots of its own there, but no keys, was told once that
 * plain ones are meant, or began before them: whoever joins the store must not end the backups of the rest.
 *
 * @param own UUIDs of this server; none where it has none yet
 * @throws STORE_UNAVAILABLE, STORE_DENIED not even what is its own can be listed
 */
export async function encryptedBeside(
  store: Store,
  own: readonly string[],
  signal: AbortSignal,
): Promise<EncryptedBeside> {
  const hasKeys = (prefix: string) =>
    holdsAny(store, prefix, (key) => parseOwnerKeyKey(key) !== null, signal);
  const hasSnapshots = (prefix: string) =>
    holdsAny(store, prefix, (key) => parseManifestKey(key) !== null, signal);
  const any = await hasKeys('keys/').catch((error: unknown) => {
    // Credentials may be for the folders of one server.
    if (isHoldfastError(error) && error.code === 'STORE_DENIED') return null;
    throw error;
  });
  if (any === false) return 'none';
  for (const server of own) if (await hasKeys(`keys/${server}/`)) return 'own';
  if (any === null) return 'none';
  for (const server of own) if (await hasSnapshots(`manifests/${server}/`)) return 'none';
  return 'others';
}

async function holdsAny(
  store: Store,
  prefix: string,
  isOne: (key: string) => boolean,
  signal: AbortSignal,
): Promise<boolean> {
  let after: string | null = null;
  do {
    // The first is one, mostly.
    const begin = after === null ? { limit: 1 } : { after };
    const { objects, next } = await store.list({ prefix, ...begin, signal });
    if (objects.some(({ key }) => isOne(key))) return true;
    after = next;
  } while (after !== null);
  return false;
}

export function storeEncrypted(
  what: string,
  addin: string,
  beside: Exclude<EncryptedBeside, 'none'>,
): HoldfastError {
  const whose = beside === 'own' ? 'this server' : 'other servers';
  const message = `${what} holds encrypted snapshots of ${whose}, and ${addin} would add plain ones`;
  return new HoldfastError('STORE_ENCRYPTED', message, {
    hint: 'Name recipients under "encryption", or add --allow-plaintext where plain backups are meant.',
  });
}
