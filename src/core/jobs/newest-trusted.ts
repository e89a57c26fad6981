/**
 * The snapshot to take where the newest is damaged or of somebody else: at three in the morning the way out must not
 * be the stranger's, nor a guess.
 */

import type { KeyedProvider } from '../encryption/keyed-provider.ts';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import { type AnySnapshot, isUnusable, type ListedSnapshot, readSoundSnapshot } from './catalog.ts';
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
