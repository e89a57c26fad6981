/**
 * A new revision of a snapshot that says what of it is lost: state partial, components failed, paths named.
 *
 * What can still be read stays in it and is restored. Nothing is removed: the old revision goes with prune.
 */

import type { Component } from '../../archive/components.ts';
import type { ManifestBody, ManifestHeader, ObjectRef } from '../../archive/manifest.ts';
import { objectKinds } from '../../archive/root.ts';
import { IndexStream } from '../backup/index-stream.ts';
import { SnapshotWriter } from '../backup/snapshot-writer.ts';
import type { Snapshot } from '../catalog.ts';
import { epochOf, publishRevision } from '../revision.ts';
import { namedBy, type SecondLook } from './look-again.ts';
import { type Loss, lossOf, type Unmendable } from './loss.ts';
import { nextNumber } from './next-number.ts';
import type { RepairedSnapshot, RepairRequest } from './types.ts';

type Change = { readonly header: Partial<ManifestHeader>; readonly body: ManifestBody };

/**
 * @param looked what became of that which an earlier repair said is lost; null where none did
 * @returns null where nothing of the snapshot is lost, or what its present revision says of it is still so
 */
export async function markLost(
  request: RepairRequest,
  snapshot: Snapshot,
  gone: Unmendable,
  looked: SecondLook | null,
): Promise<RepairedSnapshot | null> {
  const isBad = ({ key }: ObjectRef): boolean => gone.missing.has(key) || gone.damaged.has(key);
  if (looked === null && !namedBy(snapshot).some(isBad)) return null;
  const loss = await lossOf(request, snapshot, gone, looked);
  const { of, count, unnamed, paths, pages } = loss;
  const hit = of.body.components.filter(({ name }) => loss.components.has(name));
  if (hit.length === 0) return null;
  const body: ManifestBody = {
    ...of.body,
    components: of.body.components.map((one) => (hit.includes(one) ? failed(one, loss) : one)),
    lost: { count, paths },
  };
  const namesMissing = namedBy(snapshot).some(({ key }) => gone.missing.has(key));
  if (!namesMissing && saysTheSame(snapshot.body, body)) return null;
  const found = {
    name: snapshot.name,
    rebuilt: false,
    broughtBack: false,
    replaced: false,
    components: hit.map((one) => one.name),
    lostPaths: count,
    ...{ paths, unnamed, pages },
  };
  if (!request.apply) return { ...found, published: false };

  const stays = ({ key }: ObjectRef): boolean => !gone.missing.has(key) && looked?.missing.has(key) !== true;
  const base = {
    state: 'partial' as const,
    lost: true as const,
    objects: of.header.objects.filter(stays),
    references: of.header.references.filter(stays),
  };
  const change = await withIndex(request, snapshot, loss, { header: base, body });
  const { store, provider, signer, trust, signal } = request;
  const epoch = await epochOf(provider, snapshot);
  const { now } = request.world;
  const place = { store, provider, signer, epoch, trust, now, signal };
  const last = { header: { ...of.header, revision: snapshot.header.revision }, key: snapshot.key };
  const key = await publishRevision(place, last, change);
  return { ...found, published: key !== null };
}

function saysTheSame(present: ManifestBody, next: ManifestBody): boolean {
  const said = ({ components, lost }: ManifestBody): string =>
    JSON.stringify([lost?.count, [...(lost?.paths ?? [])].sort(), components.map(({ state }) => state)]);
  return said(present) === said(next);
}

const hint = 'Restore it from another snapshot.';

function failed(component: Component, { index, count }: Loss): Component {
  if (component.type === 'tree') {
    const message =
      index === null ? 'its index is lost' : `of its files some are lost: ${count} paths of the account`;
    return { ...component, state: 'failed', error: { code: 'OBJECT_DAMAGED', message, hint } };
  }
  const message = 'its export is lost';
  const rest = { object: null, sha256: null, plainBytes: 0, besides: [] };
  return { ...component, ...rest, state: 'failed', error: { code: 'OBJECT_DAMAGED', message, hint } };
}

/** The index as it is where every page can be read; else a new one of the pages that can. */
async function withIndex(
  request: RepairRequest,
  snapshot: Snapshot,
  { of: { header, body }, index: lost }: Loss,
  change: Change,
): Promise<Change> {
  if (lost === null) return { ...change, body: { ...change.body, index: null, contentRoot: null } };
  const { root } = lost.reader;
  const isWhole = lost.pages.length === root.pages.length && lost.linkPages.length === root.linkPages.length;
  if (isWhole || body.index === null) return change;
  const { server, owner } = header;
  const epoch = await epochOf(request.provider, snapshot);
  const names = { server, owner, objectId: request.world.newObjectId(), epoch };
  const writer = new SnapshotWriter(names, request.provider, request.signal);
  const all = [...header.objects, ...header.references];
  // Of two revisions no number means two objects.
  const number = Math.max(nextNumber(header), nextNumber(snapshot.header));
  const stream = new IndexStream(
    (queue) => writer.start('index', writer.indexKey(), queue),
    writer.publicKey,
  );
  for (const { row, objects } of lost.pages) stream.reuse(row, objects);
  for (const { row, objects } of lost.linkPages) stream.reuseLinks(row, objects);
  const sizes = new Map(all.map((one) => [one.number, one]));
  const objects = new Map(
    root.objects.map((row) => {
      const known = row.kind === objectKinds.index ? sizes.get(row.number) : undefined;
      if (known === undefined) return [row.number, row];
      return [row.number, { ...row, storedBytes: known.size, sha256: Buffer.from(known.sha256, 'hex') }];
    }),
  );
  const { index, contentRoot } = stream.finish(root.trees, number, writer, { objects });
  await writer.settled();
  const kept = change.header.objects ?? [];
  return {
    header: { ...change.header, objects: [...kept, ...writer.objects] },
    body: { ...change.body, index, contentRoot },
  };
}
