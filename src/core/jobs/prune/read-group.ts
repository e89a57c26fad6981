/** The manifests of one account as prune reads them: all of them, those that are damaged, and keys that are none. */

import { parseManifestKey } from '../../archive/keys.ts';
import { type ErrorCode, HoldfastError, isHoldfastError } from '../../errors.ts';
import { isProbePrefix } from '../../key-classes.ts';
import { type AnySnapshot, readAnySnapshot } from '../catalog.ts';
import { eachLimited } from '../each-limited.ts';
import type { KeyGroup } from '../walk.ts';
import type { PruneRequest, StoredKey } from './types.ts';

const readers = 8;

export interface ReadManifest {
  readonly snapshot: AnySnapshot;
  readonly stored: StoredKey & { readonly modifiedAtMs: number };
}

export interface DamagedManifest {
  readonly key: string;
  readonly message: string;
  readonly stored: StoredKey;
  /** FORMAT_UNSUPPORTED: it may be whole. */
  readonly code: ErrorCode;
}

export interface ReadGroup {
  readonly manifests: readonly ReadManifest[];
  readonly damaged: readonly DamagedManifest[];
  readonly unknown: readonly string[];
}

/** All manifests of a group. One that vanishes meanwhile is no longer there, where the store says so twice. */
export async function readGroup(
  { store, provider, signal }: Pick<PruneRequest, 'store' | 'provider' | 'signal'>,
  group: Pick<KeyGroup, 'objects'>,
): Promise<ReadGroup> {
  const manifests: ReadManifest[] = [];
  const damaged: DamagedManifest[] = [];
  const unknown: string[] = [];
  await eachLimited(group.objects, readers, async (stored) => {
    const { key } = stored;
    const name = parseManifestKey(key);
    if (name === null) {
      // A kind of manifest this release does not know may name anything.
      if (key.endsWith('.manifest')) {
        const message = `the name of manifest ${key} is not known`;
        damaged.push({ key, message, stored, code: 'FORMAT_UNSUPPORTED' });
      } else if (!isProbePrefix(key)) unknown.push(key);
      return;
    }
    try {
      const snapshot = await readAnySnapshot(provider, { ...name, key }, signal);
      if (snapshot.header.server !== name.server || snapshot.header.revision !== name.revision) {
        throw new HoldfastError('OBJECT_DAMAGED', `manifest ${key} lies under another's name`);
      }
      manifests.push({ snapshot, stored });
    } catch (error) {
      if (!isHoldfastError(error) || !/^(?:OBJECT|FORMAT)_/.test(error.code)) throw error;
      const isGone = error.code === 'OBJECT_MISSING' && (await store.head({ key, signal })) === null;
      if (!isGone) damaged.push({ key, message: error.message, stored, code: error.code });
    }
  });
  return { manifests, damaged, unknown };
}

/** What a manifest needs. */
export const keysOf = ({ header }: Pick<AnySnapshot, 'header'>): string[] =>
  [...header.objects, ...header.references].map(({ key }) => key);

/** Below which the objects of a class lie that prune is asked about. */
export const prefixesOf = ({ server, owners }: PruneRequest, kind: 'data' | 'index'): string[] =>
  (owners === null ? [''] : owners.map((owner) => `${owner}/`)).map((rest) => `${kind}/${server}/${rest}`);
