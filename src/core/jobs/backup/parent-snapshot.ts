/**
 * The snapshot that an incremental or differential capture compares with, made ready for the workers.
 *
 * Only trees that the parent captured whole are compared with. Where their index pages lie is told by `parent-places.ts`.
 */

import type { ObjectRef } from '../../archive/manifest.ts';
import { type LinkPageRow, type ObjectRow, objectKinds, type PageRow } from '../../archive/root.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import { HoldfastError } from '../../errors.ts';
import type { CaptureParent } from '../capture/messages.ts';
import type { Snapshot } from '../catalog.ts';
import { openIndex } from '../index-reader.ts';
import { placePages } from './parent-places.ts';

export interface ParentSnapshot {
  readonly snapshot: Snapshot;
  readonly forWorkers: CaptureParent;
  /** The page behind each row that workers know. */
  readonly rows: readonly PageRow[];
  readonly linkRows: readonly LinkPageRow[];
  /** Objects by number, with key, size and hash. */
  readonly objects: ReadonlyMap<number, ObjectRow>;
  /** The first number that no object of the lineage has. */
  readonly nextNumber: number;
  /** Number of the device of a tree that it has whole; undefined of any other. */
  deviceOf(tree: string): number | undefined;
  remove(): void;
}

export interface ParentOptions {
  readonly provider: KeyedProvider;
  readonly stateDir: string;
  /** Where keys of contents are kept. */
  readonly contentKeys: string | null;
  readonly rereadEvery: number;
  /** Sequence of the snapshot to be made. */
  readonly turn: number;
  readonly signal: AbortSignal;
}

/** @throws OBJECT_MISSING, OBJECT_DAMAGED the parent cannot be used: capture a full */
export async function openParent(snapshot: Snapshot, options: ParentOptions): Promise<ParentSnapshot> {
  const { provider } = options;
  const reader = await openIndex(provider, snapshot, options.signal);
  const { root } = reader;
  const whole = new Set(
    snapshot.body.components.flatMap((one) =>
      one.type === 'tree' && one.state === 'complete' ? [one.name] : [],
    ),
  );
  const rows = root.pages.filter((row) => whole.has(row.first.toString('latin1').split('/', 1)[0]!));
  // Contents that are lost are among them, whatever the tree: found by their hash, they would be referred to again.
  const linkRows = snapshot.body.lost === undefined ? root.linkPages : [];
  const all = [...rows, ...linkRows.map((row) => ({ ...row, first: Buffer.alloc(0) }))];
  const objects = objectsOf(snapshot, root.objects);
  const { stateDir, rereadEvery, turn, contentKeys: path } = options;
  // One page is looked through as soon as another file is read.
  const keysAreKept = path !== null && all.length > 1;
  const where = { provider, objects, stateDir, objectId: snapshot.header.objectId };
  const { placed, pages, remove } = await placePages(reader, all, where);
  return {
    snapshot,
    rows,
    linkRows,
    objects,
    nextNumber: Math.max(0, ...objects.keys(), ...numbersOf(snapshot)) + 1,
    forWorkers: {
      pages,
      rows: placed.slice(0, rows.length),
      linkRows: placed.slice(rows.length),
      rereadEvery,
      turn,
      contentKeys: keysAreKept ? { path, snapshot: snapshot.header.id } : null,
    },
    deviceOf: (tree) => (whole.has(tree) ? root.trees.find(({ name }) => name === tree)?.device : undefined),
    remove,
  };
}

const numbersOf = (snapshot: Snapshot): number[] =>
  [...snapshot.header.objects, ...snapshot.header.references].map(({ number }) => number);

/** The root's table, with what only the manifest knows: size and hash of the index objects. */
function objectsOf(snapshot: Snapshot, rows: readonly ObjectRow[]): Map<number, ObjectRow> {
  const objects = new Map(rows.map((row) => [row.number, row]));
  for (const one of [...snapshot.header.objects, ...snapshot.header.references]) {
    if (one.kind !== 'index') continue;
    const { seal } = objects.get(one.number) ?? {};
    const sha256 = Buffer.from(one.sha256, 'hex');
    objects.set(one.number, {
      number: one.number,
      key: one.key,
      kind: objectKinds.index,
      storedBytes: one.size,
      sha256,
      frames: [],
      ...(seal === undefined ? {} : { seal }),
    });
  }
  return objects;
}

/** How the manifest names an object of an earlier snapshot. */
export function referenceTo(row: ObjectRow): ObjectRef {
  const kind =
    row.kind === objectKinds.index ? 'index' : row.kind === objectKinds.export ? 'export' : 'segment';
  return {
    number: row.number,
    key: row.key,
    kind,
    size: row.storedBytes,
    sha256: row.sha256.toString('hex'),
    ...(row.seal === undefined ? {} : { epoch: row.seal.epoch }),
  };
}

export function missingObject(number: number): HoldfastError {
  return new HoldfastError(
    'OBJECT_DAMAGED',
    `the parent's index names object ${number}, which it does not know`,
    {
      hint: 'Run a full backup of the account.',
    },
  );
}
