/**
 * Whose signature counts: that of this server under all UUIDs its state had, and of the signers that
 * `trustedSigners` in config.json names, for every server or for the one named with them. See
 * docs/decisions/0021-signatures.md.
 *
 * Decoding a manifest or an event has found already whether its signature fits; here it is decided whether
 * the signer is one of ours. Nothing is ever trusted because a store says so.
 */

import { HoldfastError } from '../errors.ts';
import { ownSigners } from '../state/signing-key.ts';
import type { Snapshot } from './catalog.ts';

export interface Trust {
  /** Public keys, 64 hex digits each, that count whatever server a snapshot is of. */
  readonly keys: ReadonlySet<string>;
  /** Others, each with the UUIDs of the servers it counts for. */
  readonly bound?: ReadonlyMap<string, ReadonlySet<string>>;
}

export type Standing = 'trusted' | 'unsigned' | 'foreign';

/**
 * Makes nothing; a state that is lost or was never there trusts nobody but `trustedSigners`.
 *
 * @param trustedSigners each a key, or `UUID:KEY`
 */
export async function openTrust(stateDir: string, trustedSigners: readonly string[]): Promise<Trust> {
  const own = await ownSigners(stateDir);
  const { keys, bound } = trustIn(trustedSigners);
  return { keys: new Set([...own.map(({ publicKey }) => publicKey), ...keys]), ...(bound && { bound }) };
}

/** Of `trustedSigners` alone. */
export function trustIn(trustedSigners: readonly string[]): Trust {
  const keys = new Set<string>();
  const bound = new Map<string, Set<string>>();
  for (const text of trustedSigners) {
    const [key, server] = text.split(':').reverse();
    if (server === undefined) keys.add(key!);
    else bound.set(key!, (bound.get(key!) ?? new Set()).add(server));
  }
  return { keys, bound };
}

export const trustsNobody = ({ keys, bound }: Trust): boolean => keys.size === 0 && (bound?.size ?? 0) === 0;

/** A manifest or an event; `signedBy` is null where it is not signed. */
type Signed = Pick<Snapshot, 'signedBy'> &
  ({ readonly header: { readonly server: string } } | { readonly server: string });

export function standingOf(signed: Signed, { keys, bound }: Trust): Standing {
  const { signedBy } = signed;
  if (signedBy === null) return 'unsigned';
  const server = 'server' in signed ? signed.server : signed.header.server;
  return keys.has(signedBy) || bound?.get(signedBy)?.has(server) === true ? 'trusted' : 'foreign';
}

/** One sentence about `subject`, without the name of the snapshot; null where nothing is wrong. */
export function distrustOf(signed: Signed, trust: Trust, subject = 'its manifest'): string | null {
  const standing = standingOf(signed, trust);
  if (standing === 'trusted') return null;
  if (standing === 'unsigned') return `${subject} is not signed`;
  const elsewhere = trust.bound?.has(signed.signedBy ?? '') === true ? ' for this server' : '';
  return `${subject} is signed with ${signed.signedBy}, which is not trusted here${elsewhere}`;
}

/** @throws SNAPSHOT_UNTRUSTED it may hold what somebody else put there */
export function requireTrusted(snapshot: Pick<Snapshot, 'header' | 'signedBy' | 'name'>, trust: Trust): void {
  const why = distrustOf(snapshot, trust);
  if (why === null) return;
  throw new HoldfastError('SNAPSHOT_UNTRUSTED', `snapshot ${snapshot.name} is not trusted: ${why}`, {
    hint:
      snapshot.signedBy === null
        ? 'Restore it with --restricted --to DIR, which gives it no rights but those of its account.'
        : `Compare that key and its server with the recovery sheet, and name them in "trustedSigners" of config.json, as "${snapshot.header.server}:${snapshot.signedBy}"; or restore with --restricted --to DIR, and --owner UID:GID where the account does not live here.`,
  });
}
