/**
 * The snapshot that an incremental or differential capture compares with, made ready for the workers.
 *
 * Its index pages are put into one private temporary file, in path order, from which workers read; the file
 * goes when the capture ends. Few pages are sent instead, and where the disk is full they share them in memory. Pages
 * that come from the store are checked here, where a damaged one makes the snapshot a full: in the capture it would be too
 * late. Only trees that the parent captured whole are compared with.
 */

import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ObjectRef } from '../../archive/manifest.ts';
import { type LinkPageRow, type ObjectRow, objectKinds, type PageRow } from '../../archive/root.ts';
import { type KeyedProvider, withKeys } from '../../encryption/keyed-provider.ts';
import { HoldfastError } from '../../errors.ts';
import { systemCode } from '../../system-code.ts';
import type { CaptureParent, CaptureTree } from '../capture/messages.ts';
import { checkedPage, type ParentRow } from '../capture/parent-pages.ts';
import type { Snapshot } from '../catalog.ts';
import { type IndexReader, openIndex } from '../index-reader.ts';

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
  /** False where trees moved between devices, so that inode numbers mean something else. */
  usableFor(trees: readonly CaptureTree[]): boolean;
  remove(): void;
}

/** Pages of so many bytes are sent to the workers; more go through a file. */
const sentBytes = 256 * 1024;

export interface ParentOptions {
  readonly provider: KeyedProvider;
  readonly stateDir: string;
  readonly rereadEvery: number;
  /** Sequence of the snapshot to be made. */
  readonly turn: number;
  readonly signal: AbortSignal;
}

/** @throws OBJECT_MISSING, OBJECT_DAMAGED the parent cannot be used: capture a full */
export async function openParent(snapshot: Snapshot, options: ParentOptions): Promise<ParentSnapshot> {
  const { provider } = options;
  let fromStore = true;
  const local: NonNullable<KeyedProvider['local']> = (key, range) => {
    const found = provider.local?.(key, range) ?? null;
    fromStore = found === null;
    return found;
  };
  const watched = withKeys(provider, { keys: provider.keys ?? null, local });
  const reader = await openIndex(watched, snapshot, options.signal);
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
  const bytes = all.reduce((sum, { length }) => sum + length, 0);
  removeStrays(join(options.stateDir, 'tmp'));
  const file = bytes <= sentBytes ? null : spoolFile(options.stateDir, snapshot.header.objectId);
  const objects = objectsOf(snapshot, root.objects);
  const remove = (): void => {
    if (file !== null) rmSync(file, { force: true });
  };
  try {
    const check = (row: PageRow, frame: Buffer): void => {
      if (fromStore) checkedPage(frame, row);
    };
    const { placed, pages } = await spool(reader, all, { file, bytes, check });
    const { rereadEvery, turn } = options;
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
      },
      usableFor: (trees) =>
        trees.every(
          (tree) =>
            !whole.has(tree.name) ||
            root.trees.find(({ name }) => name === tree.name)?.device === tree.device,
        ),
      remove,
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** An empty file of our own; null where the disk takes none. */
function spoolFile(stateDir: string, objectId: string): string | null {
  const directory = join(stateDir, 'tmp');
  const path = join(directory, `${process.pid}-${objectId}.pages`);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
    return path;
  } catch (error) {
    if (!isFullDisk(error)) throw error;
    return null;
  }
}

const isFullDisk = (error: unknown): boolean =>
  /^(?:ENOSPC|EDQUOT|EROFS|EIO|EFBIG)$/.test(systemCode(error) ?? '');

/** Files of processes that were killed. */
function removeStrays(directory: string): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    const pid = /^(\d+)-[0-9a-f]{32}\.pages$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(directory, name), { force: true });
  }
}

interface Spool {
  /** Null: they stay in memory. */
  readonly file: string | null;
  /** Of all pages. */
  readonly bytes: number;
  /** @throws OBJECT_DAMAGED */
  readonly check: (row: PageRow, frame: Buffer) => void;
}

/** Where each page lies in the file, or in what is returned in its place. */
async function spool(
  reader: IndexReader,
  rows: readonly PageRow[],
  { file, bytes, check }: Spool,
): Promise<{ readonly placed: ParentRow[]; readonly pages: string | Uint8Array }> {
  // What is shared is not copied for each worker.
  const memory =
    file === null
      ? new Uint8Array(bytes <= sentBytes ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes))
      : null;
  const fd = file === null ? -1 : openSync(file, 'w');
  try {
    const placed: ParentRow[] = [];
    let offset = 0;
    for await (const { row, frame } of reader.frames(rows)) {
      check(row, frame);
      if (memory === null) writeFileSync(fd, frame);
      else memory.set(frame, offset);
      const { length, plainBytes, count, digest } = row;
      placed.push({ offset, length, plainBytes, count, digest, first: row.first.toString('latin1') });
      offset += length;
    }
    return { placed, pages: memory ?? file! };
  } catch (error) {
    if (file === null || !isFullDisk(error)) throw error;
    rmSync(file, { force: true });
    return await spool(reader, rows, { file: null, bytes, check });
  } finally {
    if (fd >= 0) closeSync(fd);
  }
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
