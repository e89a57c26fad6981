/**
 * Where workers read the pages of the parent's index: in the state's copy of the indexes where that has them whole. What has
 * to come from the store is put into one private temporary file, in path order; few pages are sent instead, and where the
 * disk is full workers share them in memory.
 *
 * All are checked before the capture begins, those from the store one by one: here a damaged one makes the snapshot a full,
 * in the capture it would be too late.
 */

import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ObjectRow, PageRow } from '../../archive/root.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import { systemCode } from '../../system-code.ts';
import { checkedPage, type ParentFile, type ParentRow } from '../capture/parent-pages.ts';
import type { IndexReader } from '../index-reader.ts';

/** Pages of so many bytes are sent to the workers. */
const sentBytes = 256 * 1024;
/** Of so many files workers read; each has all of them open. */
const mostFiles = 32;

export interface PlaceOptions {
  readonly provider: KeyedProvider;
  /** By number. */
  readonly objects: ReadonlyMap<number, ObjectRow>;
  readonly stateDir: string;
  /** Of the parent's index, 32 hex digits. */
  readonly objectId: string;
}

export interface PlacedPages {
  readonly pages: ParentFile['pages'];
  /** One for each page, in their order. */
  readonly placed: readonly ParentRow[];
  /** Call it when nobody reads them any more. */
  remove(): void;
}

/** @throws OBJECT_MISSING, OBJECT_DAMAGED */
export async function placePages(
  reader: IndexReader,
  rows: readonly PageRow[],
  { provider, objects, stateDir, objectId }: PlaceOptions,
): Promise<PlacedPages> {
  removeStrays(join(stateDir, 'tmp'));
  const few = bytesOf(rows) <= sentBytes;
  const local = new Map<PageRow, string>();
  for (const row of rows) {
    const path = provider.localFile?.(objects.get(row.object)?.key ?? '', row) ?? null;
    if (path !== null) local.set(row, path);
  }
  // Neighbours are read together: where one of them has to come from the store, all do.
  const isChecked = few && local.size === rows.length;
  const files = few ? [] : [...new Set(local.values())].slice(0, mostFiles);
  const apart = rows.filter((row) => !files.includes(local.get(row) ?? ''));
  const file = few || apart.length === 0 ? null : spoolFile(stateDir, objectId);
  const remove = (): void => {
    if (file !== null) rmSync(file, { force: true });
  };
  try {
    const spooled = await spool(reader, apart, file, isChecked);
    const offsets = spooled.offsets.values();
    const placed = rows.map((row): ParentRow => {
      const { length, plainBytes, count, digest } = row;
      const found = files.indexOf(local.get(row) ?? '');
      const [number, offset] = found < 0 ? [files.length, offsets.next().value!] : [found, row.offset];
      return { file: number, offset, length, plainBytes, count, digest, first: row.first.toString('latin1') };
    });
    return { pages: [...files, spooled.pages], placed, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

const bytesOf = (rows: readonly PageRow[]): number => rows.reduce((sum, { length }) => sum + length, 0);

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

interface Spooled {
  readonly pages: string | Uint8Array;
  /** Of each page in it. */
  readonly offsets: readonly number[];
}

/**
 * @param file null: they stay in memory
 * @param isChecked all of them were
 * @throws OBJECT_DAMAGED one of them is
 */
async function spool(
  reader: IndexReader,
  rows: readonly PageRow[],
  file: string | null,
  isChecked: boolean,
): Promise<Spooled> {
  const bytes = bytesOf(rows);
  // What is shared is not copied for each worker.
  const memory =
    file === null
      ? new Uint8Array(bytes <= sentBytes ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes))
      : null;
  const fd = file === null ? -1 : openSync(file, 'w');
  try {
    const offsets: number[] = [];
    let offset = 0;
    for await (const { row, frame } of reader.frames(rows)) {
      if (!isChecked) checkedPage(frame, row);
      if (memory === null) writeFileSync(fd, frame);
      else memory.set(frame, offset);
      offsets.push(offset);
      offset += frame.length;
    }
    return { pages: memory ?? file!, offsets };
  } catch (error) {
    if (file === null || !isFullDisk(error)) throw error;
    rmSync(file, { force: true });
    return await spool(reader, rows, null, isChecked);
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}
