/** Which key pairs open some objects, from their first bytes alone: whether an object is whole, its hash tells. */

import { openHeader, payloadStart } from '../../age/header.ts';
import type { KeyPair } from '../../age/x25519.ts';
import type { ObjectRef } from '../../archive/manifest.ts';
import { isHoldfastError } from '../../errors.ts';
import { collect } from '../../streams.ts';
import { eachLimited } from '../each-limited.ts';
import type { RepairRequest } from './types.ts';

const atOnce = 8;

export interface ObjectHeads {
  /** False where some are missing or no age files, so that nothing is known of them. */
  readonly areAll: boolean;
  /** Keys of objects that none of these pairs opens. */
  unopenedBy(pairs: readonly KeyPair[]): string[];
  /** @param key as `unopenedBy` gives it */
  isOpenedBy(key: string, pair: KeyPair): boolean;
}

/** Gets 184 bytes of each. @throws STORE_UNAVAILABLE, STORE_DENIED */
export async function readHeads(
  { provider, signal }: Pick<RepairRequest, 'provider' | 'signal'>,
  refs: readonly Pick<ObjectRef, 'key'>[],
): Promise<ObjectHeads> {
  const heads = new Map<string, Buffer>();
  const range = { offset: 0, length: payloadStart };
  await eachLimited(refs, atOnce, async ({ key }) => {
    try {
      const head = await collect(provider.get({ key, range, signal }), payloadStart);
      if (head.length === payloadStart && head.toString('latin1').startsWith('age-encryption.org/'))
        heads.set(key, head);
    } catch (error) {
      if (!isHoldfastError(error) || !/^OBJECT_/.test(error.code)) throw error;
    }
  });
  const isOpenedBy = (key: string, pair: KeyPair): boolean =>
    openHeader(heads.get(key)!, pair).result === 'open';
  return {
    areAll: heads.size === refs.length,
    unopenedBy: (pairs) => [...heads.keys()].filter((key) => !pairs.some((pair) => isOpenedBy(key, pair))),
    isOpenedBy,
  };
}
