/**
 * Puts back snapshots that a store has lost altogether: first the objects they name, as far as these are gone as well,
 * then their manifests, so that none is ever listed that cannot be restored. One of which something is to be had nowhere stays away.
 */

import type { ObjectRef } from '../../archive/manifest.ts';
import type { CopiesAsked } from './copies-asked.ts';
import { problemOf, refsOf, type Sound } from './examine.ts';
import { fetchManifest, fetchObject, findObject } from './fetch-from-copy.ts';
import type { RepairedObject, RepairRequest } from './types.ts';

interface Judged {
  /** Keys of objects that are whole, or that a copy has whole; more are added. */
  readonly whole: Set<string>;
  readonly gone: ReadonlySet<string>;
}

export interface FetchedLost {
  readonly objects: readonly RepairedObject[];
  /** Of the manifests that are there again, or would be. */
  readonly keys: ReadonlySet<string>;
  /** Some are to be had from no copy. */
  readonly isIncomplete: boolean;
}

/** @param lost as `findLost` found them, but for those that no key opens any more */
export async function fetchLost(
  request: RepairRequest,
  copies: CopiesAsked,
  lost: readonly Sound[],
  { whole, gone }: Judged,
): Promise<FetchedLost> {
  const { apply, store, signal } = request;
  const objects: RepairedObject[] = [];
  const keys = new Set<string>();
  for (const { snapshot, listed } of lost) {
    const { key, owner } = listed;
    if ((await store.head({ key, signal })) !== null) {
      objects.push({
        key,
        owner,
        problem: 'it is there, and the store does not list it',
        copy: null,
        mended: false,
      });
      continue;
    }
    const absent = await absentOf(request, copies, [...refsOf([{ snapshot }]).values()], { whole, gone });
    for (const { ref, problem } of absent ?? []) {
      const copy = await fetchObject(request, copies, ref);
      if (copy !== null) whole.add(ref.key);
      objects.push({ key: ref.key, owner, problem, copy, mended: apply && copy !== null });
    }
    const isWhole = absent?.every(({ ref }) => whole.has(ref.key)) ?? false;
    const copy = isWhole ? await fetchManifest(request, copies, listed, snapshot.header.digest) : null;
    const problem = isWhole ? 'it is missing' : 'it is missing, and objects that it names are as well';
    objects.push({ key, owner, problem, copy, mended: apply && copy !== null });
    if (copy !== null) keys.add(key);
  }
  return { objects, keys, isIncomplete: keys.size < lost.length };
}

/** What is to be fetched before; null where something of it is to be had nowhere, and nothing was fetched. */
async function absentOf(
  request: RepairRequest,
  copies: CopiesAsked,
  refs: readonly ObjectRef[],
  { whole, gone }: Judged,
): Promise<{ readonly ref: ObjectRef; readonly problem: string }[] | null> {
  const absent: { ref: ObjectRef; problem: string }[] = [];
  for (const ref of refs) {
    if (gone.has(ref.key)) return null;
    if (whole.has(ref.key)) continue;
    const problem = await problemOf(request, ref);
    if (problem === null) whole.add(ref.key);
    else if ((await findObject(request, copies, ref)) === null) return null;
    else absent.push({ ref, problem });
  }
  return absent;
}
