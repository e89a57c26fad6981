/**
 * Looks again at a snapshot of which an earlier repair had to say that something is lost: at what it named before, in its
 * earlier revisions, which prune leaves for that, and in those of the copies, over which none that lost something is copied.
 *
 * What it names no more is hashed, and taken from a copy where one has it; what it names still is only hashed where all
 * of that is there again. So an object can come back while others stay lost.
 */

import type { ObjectRef } from '../../archive/manifest.ts';
import { withKeys } from '../../encryption/keyed-provider.ts';
import {
  isUnusable,
  type ListedSnapshot,
  listSnapshots,
  opened,
  readAnySnapshot,
  type Snapshot,
} from '../catalog.ts';
import { hasLost } from '../has-lost.ts';
import { standingOf } from '../trust.ts';
import type { CopiesAsked } from './copies-asked.ts';
import { type Damage, problemOf } from './examine.ts';
import { fetchObject } from './fetch-from-copy.ts';
import { namedPaths } from './lost-paths.ts';
import type { RepairedObject, RepairRequest } from './types.ts';

export interface LookedAt {
  readonly snapshot: Snapshot;
  readonly listed: ListedSnapshot;
  readonly damage: Damage;
  /** Of the objects of present revisions, those that no copy gave back. */
  readonly gone: ReadonlySet<string>;
  /** What was found wrong with objects that were hashed for others of the account, null of whole ones; more are added. */
  readonly hashed: Map<string, string | null>;
}

export interface SecondLook {
  /** The latest revision that had lost nothing; null where nobody has it any more. */
  readonly whole: Snapshot | null;
  /** All that it names is there again. */
  readonly isAllThere: boolean;
  /** Keys of objects that it named or names: of those that are gone, and of such as are there but not whole. */
  readonly missing: ReadonlySet<string>;
  readonly damaged: ReadonlySet<string>;
  /** The object was read to its end by this run, and is whole. */
  readonly isProven: (key: string) => boolean;
  /** What was looked for in copies. */
  readonly objects: readonly RepairedObject[];
}

export const namedBy = ({ header }: Pick<Snapshot, 'header'>): readonly ObjectRef[] => [
  ...header.objects,
  ...header.references,
];

/** Null where nothing of the snapshot was lost. */
export async function lookAgain(
  request: RepairRequest,
  copies: CopiesAsked,
  { snapshot, listed, damage, gone, hashed }: LookedAt,
): Promise<SecondLook | null> {
  if (!hasLost(snapshot)) return null;
  const whole = await wholeOf(request, copies, listed);
  const present = new Map(namedBy(snapshot).map((ref) => [ref.key, ref]));
  const before = namedBy(whole ?? snapshot);
  const objects: RepairedObject[] = [];
  // Hashed by this run when it looked for damage, or when a copy gave it back.
  const isExamined = (key: string): boolean => {
    const ref = present.get(key);
    if (damage.has(key)) return true;
    return ref !== undefined && (request.readData || ref.kind === 'index');
  };
  const isWhole = async (ref: ObjectRef): Promise<boolean> => {
    const { key } = ref;
    if (gone.has(key) || isExamined(key)) return !gone.has(key);
    const known = hashed.get(key);
    const problem = known === undefined ? await problemOf({ ...request, readData: true }, ref) : known;
    hashed.set(key, problem);
    if (problem === null) return true;
    const copy = await fetchObject(request, copies, ref);
    if (copy === null) return false;
    hashed.set(key, null);
    objects.push({ key, owner: listed.owner, problem, copy, mended: request.apply });
    return true;
  };
  let isAllThere = whole !== null;
  for (const ref of before.filter(({ key }) => !present.has(key)))
    if (!(await isWhole(ref))) isAllThere = false;
  const kept = before.filter(({ key }) => present.has(key));
  if (kept.some(({ key }) => gone.has(key))) isAllThere = false;
  // Which paths were marked is known of so many alone: of more, what they lie in has to tell.
  const tellsAll = (snapshot.body.lost?.paths.length ?? 0) < namedPaths;
  for (const ref of kept) {
    if (!isAllThere && tellsAll) break;
    if (!(await isWhole(ref))) isAllThere = false;
  }
  const bad = [...before, ...present.values()].flatMap(({ key }) => {
    const problem = gone.has(key) ? (damage.get(key)?.problem ?? null) : (hashed.get(key) ?? null);
    return problem === null ? [] : [{ key, isMissing: problem === 'it is missing' }];
  });
  return {
    whole,
    isAllThere,
    missing: new Set(bad.flatMap(({ key, isMissing }) => (isMissing ? [key] : []))),
    damaged: new Set(bad.flatMap(({ key, isMissing }) => (isMissing ? [] : [key]))),
    isProven: (key) => !gone.has(key) && (hashed.get(key) === null || isExamined(key)),
    objects,
  };
}

/** Its latest revision that had lost nothing, of the store or of a copy. */
async function wholeOf(
  request: RepairRequest,
  copies: CopiesAsked,
  { server, owner, id, sequence, earlier = [] }: ListedSnapshot,
): Promise<Snapshot | null> {
  const { provider, signal } = request;
  const own = await latestWhole(request, provider, earlier);
  if (own !== null) return own;
  const found = await copies.first(async (copy) => {
    const listed = (await listSnapshots(copy.store, { server, owner }, signal)).find(
      (one) => one.id === id && one.sequence === sequence,
    );
    if (listed === undefined) return null;
    const keyed = withKeys(copy.provider, { keys: provider.keys ?? null });
    return latestWhole(request, keyed, [listed, ...(listed.earlier ?? [])]);
  });
  return found?.value ?? null;
}

async function latestWhole(
  { trust, signal }: RepairRequest,
  provider: RepairRequest['provider'],
  revisions: readonly ListedSnapshot[],
): Promise<Snapshot | null> {
  for (const one of revisions) {
    try {
      // Judged by its header: a stranger's may be locked to any key.
      const snapshot = await readAnySnapshot(provider, one, signal, trust);
      const trusted = trust === undefined || standingOf(snapshot, trust) === 'trusted';
      if (trusted && !hasLost(snapshot)) return await opened(provider, snapshot, signal);
    } catch (error) {
      if (!isUnusable(error)) throw error;
    }
  }
  return null;
}
