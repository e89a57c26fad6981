/**
 * Takes back what an earlier repair said: where all that a snapshot had lost is there again, in the store or in a
 * copy, a new revision names it again.
 *
 * What it named before stands in its earlier revisions, which prune leaves for that, and in those of the copies, over
 * which none that lost something is copied. Each of its objects is hashed first: what was found damaged is still there,
 * in its right size.
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
import { epochOf, publishRevision } from '../revision.ts';
import { standingOf } from '../trust.ts';
import type { CopiesAsked } from './copies-asked.ts';
import { type Damage, problemOf } from './examine.ts';
import { fetchObject } from './fetch-from-copy.ts';
import type { RepairedObject, RepairedSnapshot, RepairRequest } from './types.ts';

export interface Loss {
  readonly snapshot: Snapshot;
  readonly listed: ListedSnapshot;
  readonly damage: Damage;
  /** Of the objects of present revisions, those that no copy gave back. */
  readonly gone: ReadonlySet<string>;
  /** What was found wrong with objects that were hashed for others of the account, null of whole ones; more are added. */
  readonly hashed: Map<string, string | null>;
}

export interface BroughtBack {
  readonly snapshot: RepairedSnapshot;
  /** What came from copies for it. */
  readonly objects: readonly RepairedObject[];
}

/** Null where nothing was lost, or not all of it is there again. */
export async function bringBack(
  request: RepairRequest,
  copies: CopiesAsked,
  { snapshot, listed, damage, gone, hashed }: Loss,
): Promise<BroughtBack | null> {
  if (!hasLost(snapshot)) return null;
  const { store, provider, signer, trust, signal, apply } = request;
  const whole = await wholeOf(request, copies, listed);
  if (whole === null) return null;
  if (namedBy(whole).some(({ key }) => gone.has(key))) return null;
  const present = new Set(namedBy(snapshot).map(({ key }) => key));
  const objects: RepairedObject[] = [];
  for (const ref of namedBy(whole)) {
    const { key, kind } = ref;
    // Hashed by this run when it looked for damage, or when a copy gave it back.
    if (damage.has(key) || (present.has(key) && (request.readData || kind === 'index'))) continue;
    const known = hashed.get(key);
    const problem = known === undefined ? await problemOf({ ...request, readData: true }, ref) : known;
    hashed.set(key, problem);
    if (problem === null) continue;
    const copy = await fetchObject(request, copies, ref);
    if (copy === null) return null;
    hashed.set(key, null);
    objects.push({ key, owner: listed.owner, problem, copy, mended: apply });
  }
  const found = {
    name: snapshot.name,
    rebuilt: false,
    broughtBack: true,
    components: [],
    lostPaths: 0,
    paths: [],
  };
  if (!apply) return { snapshot: { ...found, published: false }, objects };
  const epoch = await epochOf(provider, whole);
  const place = { store, provider, signer, epoch, trust, signal };
  const last = { header: { ...whole.header, revision: snapshot.header.revision }, key: snapshot.key };
  const key = await publishRevision(place, last, { header: {}, body: whole.body });
  return { snapshot: { ...found, published: key !== null }, objects };
}

const namedBy = ({ header }: Snapshot): readonly ObjectRef[] => [...header.objects, ...header.references];

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
