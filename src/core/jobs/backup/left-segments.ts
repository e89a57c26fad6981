/**
 * The segments that interrupted runs of the account have left in the store, made ready to be referred to.
 *
 * Each is looked for in the store and gets a number of this snapshot, or keeps that of the parent where it is part of
 * that: the notes outlive a run that was killed between its manifest and its end. Contents are found by their hash, like those
 * of the parent, so nothing is trusted that the walk has not read again. Segments that are used become objects
 * of this snapshot.
 */

import { closeSync, openSync } from 'node:fs';
import type { ObjectRow } from '../../archive/root.ts';
import type { Store } from '../../contracts/store.ts';
import { isHoldfastError } from '../../errors.ts';
import type { LeftFile } from '../capture/parent-pages.ts';
import { eachLimited } from '../each-limited.ts';
import { type Journal, readJournal } from './journal-file.ts';
import { type JournalOf, leftJournals } from './segment-journal.ts';

const headsAtOnce = 8;

export interface LeftSegments {
  readonly files: readonly LeftFile[];
  /** By the numbers they have in this snapshot. */
  readonly objects: ReadonlyMap<number, ObjectRow>;
  readonly nextNumber: number;
}

export interface LeftRequest extends JournalOf {
  readonly store: Store;
  readonly firstNumber: number;
  /** Numbers of the parent's objects, by their keys. */
  readonly known: ReadonlyMap<string, number>;
  /** Of the key that this snapshot is encrypted to; null where it is stored plain. Others are not taken. */
  readonly epoch: number | null;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/** None where the store cannot be asked. */
export async function leftSegments(request: LeftRequest): Promise<LeftSegments> {
  const files: LeftFile[] = [];
  const objects = new Map<number, ObjectRow>();
  const given = new Map(request.known);
  let nextNumber = request.firstNumber;
  const paths = request.store.capabilities.putOnly ? [] : leftJournals(request, request.nowMs);
  for (const path of paths) {
    const journal = read(path);
    if (journal === null) continue;
    const numbers = new Map<number, number>();
    const usable = journal.segments.filter((row) => epochOf(row) === request.epoch);
    for (const row of await stillThere(usable, request)) {
      const known = given.get(row.key);
      numbers.set(row.number, known ?? nextNumber);
      if (known !== undefined) continue;
      given.set(row.key, nextNumber);
      objects.set(nextNumber, { ...row, number: nextNumber });
      nextNumber++;
    }
    const { rows, linkRows } = journal;
    if (numbers.size > 0) files.push({ pages: [path], rows, linkRows, numbers });
  }
  return { files, objects, nextNumber };
}

/** Of the key that it is encrypted to. */
const epochOf = (row: ObjectRow): number | null => row.seal?.epoch ?? null;

/** Null where it vanished, or is none. */
function read(path: string): Journal | null {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return null;
  }
  try {
    return readJournal(fd);
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return null;
  } finally {
    closeSync(fd);
  }
}

async function stillThere(
  rows: readonly ObjectRow[],
  { store, signal }: Pick<LeftRequest, 'store' | 'signal'>,
): Promise<ObjectRow[]> {
  const there = new Set<ObjectRow>();
  await eachLimited(rows, headsAtOnce, async (row) => {
    const found = await store.head({ key: row.key, signal });
    if (found?.sizeBytes === row.storedBytes) there.add(row);
  });
  return rows.filter((row) => there.has(row));
}

/** False where one of them is gone: prune on another machine may have removed what was left. */
export async function checkLeft(
  used: readonly ObjectRow[],
  where: Pick<LeftRequest, 'store' | 'signal'>,
): Promise<boolean> {
  return (await stillThere(used, where)).length === used.length;
}
