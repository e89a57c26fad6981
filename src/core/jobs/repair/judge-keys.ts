/**
 * How good the key objects of one account are that lie in a store: the shape of each and, where there is an identity,
 * whether it opens and holds the key that it is named after.
 */

import type { KeyPair } from '../../age/x25519.ts';
import type { Provider } from '../../contracts/provider.ts';
import type { Store } from '../../contracts/store.ts';
import type { KeyRing } from '../../encryption/keyed-provider.ts';
import {
  isKeyFile,
  keyLimitBytes,
  type ListedKey,
  listKeys,
  type OwnerPlace,
} from '../../encryption/owner-keys.ts';
import { isHoldfastError } from '../../errors.ts';
import { collect } from '../../streams.ts';

/** `shaped` is an age file that is not known to open: there is no identity, or it is for other recipients. */
export const keyWorths = ['damaged', 'shaped', 'opens'] as const;
export type KeyWorth = (typeof keyWorths)[number];

export interface JudgedKey extends ListedKey {
  readonly worth: KeyWorth;
  /** What it holds; null but where it `opens`. */
  readonly opened: KeyPair | null;
  /** What was read; empty where it is damaged. */
  readonly file: Buffer;
}

/** All revisions, in the order of keys. @throws STORE_UNAVAILABLE, STORE_DENIED */
export async function judgedKeys(
  { store, provider }: { readonly store: Store; readonly provider: Provider },
  place: OwnerPlace,
  ring: KeyRing | null,
  signal: AbortSignal,
): Promise<JudgedKey[]> {
  const judged: JudgedKey[] = [];
  for (const listed of await listKeys(store, place, signal)) {
    const found = await judge(provider, listed, ring, signal);
    if (found !== null) judged.push({ ...listed, ...found });
  }
  return judged;
}

/** Null where it is gone by now. */
async function judge(
  provider: Provider,
  listed: ListedKey,
  ring: KeyRing | null,
  signal: AbortSignal,
): Promise<Pick<JudgedKey, 'worth' | 'opened' | 'file'> | null> {
  const { key, sizeBytes } = listed;
  const damaged = { worth: 'damaged', opened: null, file: Buffer.alloc(0) } as const;
  if (sizeBytes > keyLimitBytes) return damaged;
  try {
    const file = await collect(provider.get({ key, signal }), keyLimitBytes);
    if (!isKeyFile(file)) return damaged;
    const opened = (await ring?.open(listed, file)) ?? null;
    return { worth: opened === null ? 'shaped' : 'opens', opened, file };
  } catch (error) {
    if (!isHoldfastError(error) || !/^OBJECT_/.test(error.code)) throw error;
    return error.code === 'OBJECT_MISSING' ? null : damaged;
  }
}
