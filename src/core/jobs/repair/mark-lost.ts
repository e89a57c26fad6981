/**
 * A new revision of a snapshot that says what of it is lost: state partial, components failed, paths named.
 *
 * What can still be read stays in it and is restored. Nothing is removed: the old revision goes with prune.
 */

import type { Component } from '../../archive/components.ts';
import type { ManifestBody, ManifestHeader, ObjectRef } from '../../archive/manifest.ts';
import { objectKinds } from '../../archive/root.ts';
import { isHoldfastError } from '../../errors.ts';
import { IndexStream } from '../backup/index-stream.ts';
import { SnapshotWriter } from '../backup/snapshot-writer.ts';
import type { Snapshot } from '../catalog.ts';
import { type IndexReader, openIndex } from '../index-reader.ts';
import { epochOf, publishRevision } from '../revision.ts';
import { type Lost, lostPaths } from './lost-paths.ts';
import { nextNumber } from './next-number.ts';
import type { RepairedSnapshot, RepairRequest } from './types.ts';

export interface Unmendable {
  /** Keys of objects that are gone, and of such as are there but not whole. */
  readonly missing: ReadonlySet<string>;
  readonly damaged: ReadonlySet<string>;
}

type Change = { readonly header: Partial<ManifestHeader>; readonly body: ManifestBody };

/** Null where nothing of the snapshot is lost, or all that is was marked before. */
export async function markLost(
  request: RepairRequest,
  snapshot: Snapshot,
  gone: Unmendable,
): Promise<RepairedSnapshot | null> {
  const { header, body, name } = snapshot;
  const named = [...header.objects, ...header.references];
  const bad = named.filter(({ key }) => gone.missing.has(key) || gone.damaged.has(key));
  if (bad.length === 0) return null;
  const databases = failedDatabases(body, new Set(bad.map(({ number }) => number)));
  const lost = await lostOf(request, snapshot, gone);
  const hit = body.components.filter((one) =>
    one.type === 'tree' ? lost === null || lost.trees.has(one.name) : databases.has(one.name),
  );
  const components = hit.map((one) => one.name);
  if (
    components.length === 0 ||
    (lost !== null && lost.count === (body.lost?.count ?? -1) && databases.size === 0)
  )
    return null;
  const count = lost?.count ?? body.counts.entries;
  const found = {
    name,
    rebuilt: false,
    broughtBack: false,
    components,
    lostPaths: count,
    paths: lost?.paths ?? [],
  };
  if (!request.apply) return { ...found, published: false };

  const stays = ({ key }: ObjectRef): boolean => !gone.missing.has(key);
  const marked: ManifestBody = {
    ...body,
    components: body.components.map((one) => (hit.includes(one) ? failed(one, lost) : one)),
    lost: { count, paths: lost?.paths ?? [] },
  };
  const base = {
    state: 'partial' as const,
    lost: true as const,
    objects: header.objects.filter(stays),
    references: header.references.filter(stays),
  };
  const change = await withIndex(request, snapshot, lost, { header: base, body: marked });
  const { store, provider, signer, trust, signal } = request;
  const epoch = await epochOf(provider, snapshot);
  const place = { store, provider, signer, epoch, trust, signal };
  const key = await publishRevision(place, snapshot, change);
  return { ...found, published: key !== null };
}

/** Null where the index itself is lost. */
async function lostOf(
  { provider, signal }: RepairRequest,
  snapshot: Snapshot,
  gone: Unmendable,
): Promise<(Lost & { readonly reader: IndexReader }) | null> {
  try {
    const reader = await openIndex(provider, snapshot, signal);
    return { reader, ...(await lostPaths({ provider, reader, ...gone, signal })) };
  } catch (error) {
    if (!isHoldfastError(error) || !/^OBJECT_/.test(error.code)) throw error;
    return null;
  }
}

function failedDatabases({ components }: ManifestBody, bad: ReadonlySet<number>): ReadonlySet<string> {
  const names = components.flatMap((one) => {
    if (one.type !== 'database' || one.state !== 'complete') return [];
    const parts = [one.object, ...one.besides.map(({ object }) => object)];
    return parts.some((part) => part !== null && bad.has(part)) ? [one.name] : [];
  });
  return new Set(names);
}

const hint = 'Restore it from another snapshot.';

function failed(component: Component, lost: Lost | null): Component {
  if (component.type === 'tree') {
    const message =
      lost === null ? 'its index is lost' : `of its files some are lost: ${lost.count} paths of the account`;
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
  lost: (Lost & { readonly reader: IndexReader }) | null,
  change: Change,
): Promise<Change> {
  const { header, body } = snapshot;
  if (lost === null) return { ...change, body: { ...change.body, index: null, contentRoot: null } };
  const { root } = lost.reader;
  const isWhole = lost.pages.length === root.pages.length && lost.linkPages.length === root.linkPages.length;
  if (isWhole || body.index === null) return change;
  const { server, owner } = header;
  const epoch = await epochOf(request.provider, snapshot);
  const names = { server, owner, objectId: request.world.newObjectId(), epoch };
  const writer = new SnapshotWriter(names, request.provider, request.signal);
  const all = [...header.objects, ...header.references];
  const number = nextNumber(header);
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
