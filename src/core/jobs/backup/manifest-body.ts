/**
 * The body of a snapshot's manifest, from what its parts came to, and what its header says of encryption.
 */

import { randomBytes } from 'node:crypto';
import type { ManifestBody, ManifestHeader } from '../../archive/manifest.ts';
import type { Account } from '../../contracts/panel.ts';
import { pairId } from '../../encryption/key-text.ts';
import type { OwnerEpoch } from '../../encryption/owner-keys.ts';
import type { CapturedTrees } from './capture-trees.ts';
import type { WarningList } from './warnings.ts';

export const exclusionsOf = ({ trees }: Pick<Account, 'trees'>): ManifestBody['exclusions'] =>
  Object.fromEntries(trees.map(({ name, exclude }) => [name, exclude]));

const inclusionsOf = ({ trees }: Pick<Account, 'trees'>): NonNullable<ManifestBody['inclusions']> =>
  Object.fromEntries(trees.flatMap(({ name, include }) => (include === undefined ? [] : [[name, include]])));

export function bodyOf(
  account: Account,
  components: ManifestBody['components'],
  warnings: WarningList,
  trees: CapturedTrees,
  unconfiguredEngines: readonly string[],
): ManifestBody {
  const { site, domain, aliases, plan, state, owner, metadata } = account;
  return {
    account: {
      site,
      domain,
      aliases,
      plan,
      state,
      uid: owner?.uid ?? null,
      gid: owner?.gid ?? null,
      metadata,
    },
    components,
    warnings: warnings.first,
    warningCounts: warnings.counts,
    exclusions: exclusionsOf(account),
    inclusions: inclusionsOf(account),
    counts: trees.counts,
    index: trees.index,
    contentRoot: trees.contentRoot,
    labels: {},
    unconfiguredEngines,
  };
}

/** What keeps guesses at an encrypted body from being tried against the digest in the clear header. */
export const saltOf = (encrypted: boolean): Pick<ManifestBody, 'salt'> =>
  encrypted ? { salt: randomBytes(16).toString('hex') } : {};

/** @param epoch of the key that everything is encrypted to; null where it is stored plain */
export const encryptionOf = (epoch: OwnerEpoch | null): Pick<ManifestHeader, 'features' | 'encryption'> =>
  epoch === null
    ? { features: [] }
    : { features: ['age'], encryption: { epoch: epoch.epoch, pair: pairId(epoch.publicKey) } };
