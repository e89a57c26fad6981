/**
 * Rewrites the sparse objects of one account: contents, indexes, manifests, in this order, each durable
 * before the next kind begins.
 */

import type { ObjectRef } from '../../archive/manifest.ts';
import type { ObjectRow } from '../../archive/root.ts';
import type { OwnerEpoch } from '../../encryption/owner-keys.ts';
import { SnapshotWriter } from '../backup/snapshot-writer.ts';
import type { Snapshot } from '../catalog.ts';
import { epochOf, publishRevision } from '../revision.ts';
import { ContentMover } from './content-mover.ts';
import { moveContents } from './move-contents.ts';
import { type NewIndex, type NewPage, writeNewIndex } from './new-index.ts';
import type { AccountScan } from './scan.ts';
import type { CompactedAccount, CompactRequest } from './types.ts';

export interface AccountPlan {
  readonly scan: AccountScan;
  /** Keys of the objects to be emptied. */
  readonly sparse: ReadonlySet<string>;
  /** The snapshots that name one of them. */
  readonly concerned: readonly Snapshot[];
}

type Done = Pick<CompactedAccount, 'written' | 'published' | 'problem'>;

export async function rewriteAccount(
  request: CompactRequest,
  { scan, sparse, concerned }: AccountPlan,
): Promise<Done> {
  const { provider, store, server, signal } = request;
  const { owner } = concerned[0]!.header;
  // What was encrypted must not be written plain, also where the configuration has gone back to plain since.
  const keyed = concerned.findLast(({ header }) => header.encryption !== undefined) ?? concerned[0]!;
  const epoch = await epochOf(provider, keyed);
  const writerFrom = (nextNumber: number): SnapshotWriter => {
    const names = { server, owner, objectId: request.world.newObjectId(), epoch };
    const writer = new SnapshotWriter(names, provider, signal);
    writer.nextNumber = nextNumber;
    return writer;
  };
  const sinceMs = request.world.now();
  const segments = writerFrom(firstFreeNumber(scan.snapshots));
  const mover = new ContentMover(segments);
  const onBytes = (bytes: number): void => request.onEvent({ type: 'bytes', bytes });
  const moved = await moveContents({ provider, scan, sparse, mover, signal, onBytes });
  const problem =
    moved.damaged === 0 ? null : `${moved.damaged} contents stay where they are: ${moved.first}`;
  const onlyDamaged = mover.movedBytes === 0 && moved.damaged > 0;
  if (onlyDamaged) return { written: { objects: 0, bytes: 0 }, published: [], problem };

  const newPages = new Map<string, NewPage>();
  const newObjects = new Map<number, ObjectRow>(segments.rows.map((row) => [row.number, row]));
  const written: ObjectRef[] = [...segments.objects];
  const revisions: { snapshot: Snapshot; writer: SnapshotWriter; made: NewIndex }[] = [];
  let next = segments.nextNumber;
  for (const snapshot of concerned) {
    const writer = writerFrom(next);
    const made = await writeNewIndex({
      provider,
      snapshot,
      writer,
      scan,
      sparse,
      mover,
      newPages,
      newObjects,
      signal,
    });
    next = writer.nextNumber;
    written.push(...writer.objects);
    revisions.push({ snapshot, writer, made });
  }
  const published: string[] = [];
  const keys = new Set(written.map(({ key }) => key));
  const { signer, trust } = request;
  const { now } = request.world;
  const beside = { signer, epoch, trust, now, locked: new Set(keys), written: { keys, sinceMs } };
  const place = { store, provider, signal, ...beside };
  for (const { snapshot, writer, made } of revisions) {
    const named = namedObjects(snapshot, { writer, made, sparse, newObjects });
    const header = { ...named, ...features(snapshot, epoch) };
    const body = { ...snapshot.body, index: made.index };
    if ((await publishRevision(place, snapshot, { header, body })) !== null) published.push(snapshot.name);
  }
  const bytes = written.reduce((sum, { size }) => sum + size, 0);
  return { written: { objects: written.length, bytes }, published, problem };
}

/** Above every number of the account: new pages are shared by snapshots whose numbers differ. */
function firstFreeNumber(snapshots: readonly Snapshot[]): number {
  let highest = -1;
  for (const { header } of snapshots) {
    for (const { number } of [...header.objects, ...header.references]) highest = Math.max(highest, number);
  }
  return highest + 1;
}

/** What the new revision names: its exports as before, its index, and what that refers to, but for what is lost for good. */
function namedObjects(
  { header }: Snapshot,
  {
    writer,
    made: { used },
    sparse,
    newObjects,
  }: {
    readonly writer: SnapshotWriter;
    readonly made: NewIndex;
    readonly sparse: ReadonlySet<string>;
    readonly newObjects: ReadonlyMap<number, ObjectRow>;
  },
): { readonly objects: readonly ObjectRef[]; readonly references: readonly ObjectRef[] } {
  const stays = ({ kind, key, number }: ObjectRef): boolean => {
    if (kind === 'export' || kind === 'beside' || used.has(number)) return true;
    return kind === 'segment' && !sparse.has(key);
  };
  const before = new Set([...header.objects, ...header.references].map(({ number }) => number));
  const isThere = ({ number }: ObjectRef): boolean => before.has(number) || newObjects.has(number);
  const own = header.objects.filter(stays);
  const numbers = new Set([...own, ...writer.objects].map(({ number }) => number));
  const others = new Map<number, ObjectRef>();
  for (const one of [...header.references.filter(stays), ...writer.references.filter(isThere)])
    if (!numbers.has(one.number)) others.set(one.number, one);
  const byNumber = (a: ObjectRef, b: ObjectRef): number => a.number - b.number;
  return {
    objects: [...own, ...writer.objects].sort(byNumber),
    references: [...others.values()].sort(byNumber),
  };
}

/** A store that began to encrypt has plain snapshots; what is written anew is encrypted. */
function features({ header }: Snapshot, epoch: OwnerEpoch | null): { readonly features: readonly string[] } {
  const { features: old } = header;
  return { features: epoch === null || old.includes('age') ? old : [...old, 'age'] };
}
