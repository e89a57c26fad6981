/**
 * Takes back what an earlier repair said: where all that a snapshot had lost is there again, in the store or in a
 * copy, a new revision names it again.
 */

import type { Snapshot } from '../catalog.ts';
import { epochOf, publishRevision } from '../revision.ts';
import type { SecondLook } from './look-again.ts';
import type { RepairedSnapshot, RepairRequest } from './types.ts';

/** Null where nothing was lost, or not all of it is there again. */
export async function bringBack(
  request: RepairRequest,
  snapshot: Snapshot,
  looked: SecondLook | null,
): Promise<RepairedSnapshot | null> {
  if (looked === null || looked.whole === null || !looked.isAllThere) return null;
  const { store, provider, signer, trust, signal, apply } = request;
  const { whole } = looked;
  const found = {
    name: snapshot.name,
    rebuilt: false,
    broughtBack: true,
    replaced: false,
    components: [],
    lostPaths: 0,
    paths: [],
    unnamed: 0,
    pages: [],
  };
  if (!apply) return { ...found, published: false };
  const epoch = await epochOf(provider, whole);
  const { now } = request.world;
  const place = { store, provider, signer, epoch, trust, now, signal };
  const last = { header: { ...whole.header, revision: snapshot.header.revision }, key: snapshot.key };
  const key = await publishRevision(place, last, { header: {}, body: whole.body });
  return { ...found, published: key !== null };
}
