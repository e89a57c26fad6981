/**
 * Whose signature counts: that of this server under all UUIDs its state had, and of the signers that
 * `trustedSigners` in config.json names. See docs/decisions/0021-signatures.md.
 *
 * Decoding a manifest or an event has found already whether its signature fits; here it is decided whether
 * the signer is one of ours. Nothing is ever trusted because a store says so.
 */

import { HoldfastError } from '../errors.ts';
import { ownSigners } from '../state/signing-key.ts';
import type { Snapshot } from './catalog.ts';

export interface Trust {
  /** Public keys, 64 hex digits each. */
  readonly keys: ReadonlySet<string>;
}

export type Standing = 'trusted' | 'unsigned' | 'foreign';

/** Makes nothing; a state that is lost or was never there trusts nobody but `trustedSigners`. */
export async function openTrust(stateDir: string, trustedSigners: readonly string[]): Promise<Trust> {
  const own = await ownSigners(stateDir);
  return { keys: new Set([...own.map(({ publicKey }) => publicKey), ...trustedSigners]) };
}

/** A manifest or an event; null where it is not signed. */
type Signed = Pick<Snapshot, 'signedBy'>;

export function standingOf({ signedBy }: Signed, { keys }: Trust): Standing {
  if (signedBy === null) return 'unsigned';
  return keys.has(signedBy) ? 'trusted' : 'foreign';
}

/** One sentence about `subject`, without the name of the snapshot; null where nothing is wrong. */
export function distrustOf(signed: Signed, trust: Trust, subject = 'its manifest'): string | null {
  const standing = standingOf(signed, trust);
  if (standing === 'trusted') return null;
  return standing === 'unsigned'
    ? `${subject} is not signed`
    : `${subject} is signed with ${signed.signedBy}, which is not trusted here`;
}

/** @throws SNAPSHOT_UNTRUSTED it may hold what somebody else put there */
export function requireTrusted(snapshot: Pick<Snapshot, 'signedBy' | 'name'>, trust: Trust): void {
  const why = distrustOf(snapshot, trust);
  if (why === null) return;
  throw new HoldfastError('SNAPSHOT_UNTRUSTED', `snapshot ${snapshot.name} is not trusted: ${why}`, {
    hint:
      snapshot.signedBy === null
        ? 'Restore it with --restricted --to DIR, which gives it no rights but those of its account.'
        : 'Compare that key with the recovery sheet and name it in "trustedSigners" of config.json, or restore with --restricted --to DIR.',
  });
}
