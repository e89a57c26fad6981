/**
 * Puts a new revision above a damaged one that no copy has, from the one below it, which is what every reader takes meanwhile.
 *
 * Only where that one has lost nothing and all it names was hashed and is whole: revisions differ in where contents lie and in
 * what is lost of them, so nothing comes back that was let go, and no loss is hidden. The damaged one stays; prune removes it.
 */

import { hasLost } from '../has-lost.ts';
import { epochOf, publishRevision } from '../revision.ts';
import type { OpenedSound } from './examine.ts';
import { namedBy } from './look-again.ts';
import type { RepairedSnapshot, RepairRequest } from './types.ts';

/**
 * @param gone keys of objects that are missing or damaged
 * @returns null where nothing above it is damaged, or it cannot take the place of that
 */
export async function replaceDamaged(
  request: RepairRequest,
  { snapshot, above }: OpenedSound,
  gone: ReadonlySet<string>,
): Promise<RepairedSnapshot | null> {
  if (above === undefined || hasLost(snapshot)) return null;
  if (namedBy(snapshot).some(({ key }) => gone.has(key))) return null;
  const { store, provider, signer, trust, signal, apply } = request;
  const found = {
    name: snapshot.name,
    ...{ rebuilt: false, broughtBack: false, replaced: true },
    ...{ components: [], lostPaths: 0, paths: [], unnamed: 0, pages: [] },
  };
  if (!apply) return { ...found, published: false };
  const epoch = await epochOf(provider, snapshot);
  const { now } = request.world;
  const place = { store, provider, signer, epoch, trust, now, signal };
  const key = await publishRevision(place, snapshot, { header: {}, body: snapshot.body });
  return { ...found, published: key !== null };
}
