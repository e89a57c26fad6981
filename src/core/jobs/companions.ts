/**
 * What lies in a store beside the backups, for whoever has to restore without Holdfast: RESTORE.md and rescue.py.
 *
 * People run them as root, with their identity. Whoever can write to the store can put others there, so they are
 * compared with those of this release, and put right by whoever backs up and may. Servers of two releases that
 * share a store each put theirs.
 */

import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store } from '../contracts/store.ts';
import { isHoldfastError } from '../errors.ts';
import { ownCode } from '../own-files.ts';
import { bytesOf, collect } from '../streams.ts';
import { eachLimited } from './each-limited.ts';

const names = ['RESTORE.md', 'rescue.py'] as const;
export type CompanionName = (typeof names)[number];

/** SHA-256 of what earlier releases put into stores: each release adds here what the one before it had. */
const earlier: Readonly<Record<CompanionName, readonly string[]>> = { 'RESTORE.md': [], 'rescue.py': [] };

export const isCompanion = (key: string): boolean => names.some((name) => name === key);

export interface CompanionReading {
  readonly name: CompanionName;
  /** `earlier`: of an earlier release; `other`: nobody of us wrote it, or a later release did. */
  readonly state: 'own' | 'earlier' | 'other' | 'missing';
}

export interface CompanionProblem {
  readonly name: CompanionName;
  readonly message: string;
}

const textOf = (name: CompanionName): Promise<Buffer> => readFile(join(ownCode, 'core/archive', name));

/** Of the file as this release has it, in hex. */
export const companionHash = async (name: CompanionName): Promise<string> =>
  hash('sha256', await textOf(name), 'hex');

/** @throws STORE_UNAVAILABLE, STORE_DENIED */
export async function readCompanions(store: Store, signal: AbortSignal): Promise<CompanionReading[]> {
  return Promise.all(
    names.map(async (name) => {
      const own = await textOf(name);
      try {
        const found = await collect(store.get({ key: name, signal }), 16 * own.length);
        if (found.equals(own)) return { name, state: 'own' };
        return { name, state: earlier[name].includes(hash('sha256', found, 'hex')) ? 'earlier' : 'other' };
      } catch (error) {
        if (!isHoldfastError(error) || !/^OBJECT_/.test(error.code)) throw error;
        return { name, state: error.code === 'OBJECT_MISSING' ? 'missing' : 'other' };
      }
    }),
  );
}

/** What to tell people of them. */
export function companionProblems(readings: readonly CompanionReading[]): CompanionProblem[] {
  return readings.flatMap(({ name, state }) => {
    if (state === 'own' || state === 'earlier') return [];
    const what =
      state === 'missing'
        ? 'is missing'
        : 'is not the one of this release: somebody has replaced it, or another release wrote it';
    return [{ name, message: `${name} ${what}` }];
  });
}

export async function putCompanions(
  store: Store,
  which: readonly CompanionName[],
  signal: AbortSignal,
): Promise<void> {
  await eachLimited(which, names.length, async (name) => {
    const text = await textOf(name);
    await store.put({ key: name, body: bytesOf(text), sizeBytes: text.length, signal });
  });
}

/** All of them, for a store that has none yet. */
export const putAllCompanions = (store: Store, signal: AbortSignal): Promise<void> =>
  putCompanions(store, names, signal);

/**
 * Puts right what is not that of this release, as far as the credentials allow: `verify` and `doctor` tell of what
 * stays, and no backup fails for it.
 *
 * @throws INTERRUPTED
 */
export async function mendCompanions(
  store: Store,
  reading: Promise<readonly CompanionReading[]>,
  signal: AbortSignal,
): Promise<void> {
  try {
    const wrong = (await reading).filter(({ state }) => state !== 'own').map(({ name }) => name);
    await putCompanions(store, wrong, signal);
  } catch (error) {
    if (!isHoldfastError(error) || error.code === 'INTERRUPTED') throw error;
  }
}
