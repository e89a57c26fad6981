/**
 * The snapshot to take where the newest is damaged or of somebody else: at three in the morning the way out must not
 * be the stranger's, nor a guess.
 */

import type { KeyedProvider } from '../encryption/keyed-provider.ts';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import {
  type AnySnapshot,
  isUnusable,
  type ListedSnapshot,
  readSoundSnapshot,
  type Snapshot,
} from './catalog.ts';
import { distrustOf, type Trust, trustsNobody } from './trust.ts';

/** Somebody may have planted any number above it. */
const mostRead = 50;

/** Null where none of the newest of one owner's snapshots is whole and trusted. */
export async function newestTrusted(
  provider: KeyedProvider,
  listed: readonly ListedSnapshot[],
  trust: Trust,
  signal: AbortSignal,
): Promise<AnySnapshot | null> {
  if (trustsNobody(trust)) return null;
  for (const one of listed.toSorted((a, b) => b.atMs - a.atMs).slice(0, mostRead)) {
    try {
      const found = await readSoundSnapshot(provider, one, signal, trust);
      if (distrustOf(found, trust) === null) return found;
    } catch (error) {
      if (!isUnusable(error)) throw error;
    }
  }
  return null;
}

/** The newest of each owner that is trusted; none where nobody is. @param newest of some of the owners the newest, whoever signed it */
export async function newestTrustedOfEach(
  {
    provider,
    trust,
    signal,
  }: { readonly provider: KeyedProvider; readonly trust?: Trust; readonly signal: AbortSignal },
  listed: readonly ListedSnapshot[],
  newest: readonly Snapshot[],
): Promise<AnySnapshot[]> {
  if (trust === undefined || trustsNobody(trust)) return [];
  const known = new Map(newest.map((one) => [one.header.owner, one]));
  const found: AnySnapshot[] = [];
  for (const [owner, ofOwner] of Map.groupBy(listed, (one) => one.owner)) {
    const one = known.get(owner);
    const isTrusted = one !== undefined && distrustOf(one, trust) === null;
    const trusted = isTrusted ? one : await newestTrusted(provider, ofOwner, trust, signal);
    if (trusted !== null) found.push(trusted);
  }
  return found;
}

/** `error` is about one of `listed`: the same with the name of the newest that can be taken, where there is one. */
export async function withNewestTrusted(
  error: unknown,
  provider: KeyedProvider,
  listed: readonly ListedSnapshot[],
  trust: Trust | undefined,
  signal: AbortSignal,
): Promise<unknown> {
  if (trust === undefined || !isHoldfastError(error)) return error;
  if (error.code !== 'SNAPSHOT_UNTRUSTED' && !isUnusable(error)) return error;
  const { name } = (await newestTrusted(provider, listed, trust, signal)) ?? { name: null };
  if (name === null) return error;
  const { code, message, hint } = error;
  const other = hint === undefined ? '' : ` Otherwise: ${hint}`;
  return new HoldfastError(code, `${message}; the newest that is whole and trusted is ${name}`, {
    cause: error,
    hint: `Name ${name} instead.${other}`,
  });
}
