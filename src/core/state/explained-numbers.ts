/**
 * Which numbers of an account's snapshots its prune events explain, so that no prune reads again what an earlier one has read.
 *
 * A cache: one small file for each account of a store, `explained/<store>/<server>/<owner>.json`. What was read is known by
 * a digest over the keys of the events, so that it does not grow with them; a lost or damaged file means that all are read again.
 */

import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';

export interface ExplainedNumbers {
  /** Of those whose events counted: others may count now. */
  readonly trust: string;
  /** Key of the last event that was read; all before it were, but for `open`. */
  readonly through: string;
  /** Over their keys, without those in `open`. */
  readonly keys: string;
  /** Keys of those that could not be read or did not count: to be looked at each time. */
  readonly open: readonly string[];
  /** By lineage, ascending. */
  readonly ranges: Readonly<Record<string, readonly (readonly [first: number, last: number])[]>>;
}

export interface ExplainedPlace {
  readonly stateDir: string;
  /** UUIDs. */
  readonly store: string;
  readonly server: string;
  readonly owner: string;
}

/** What a lineage may have; more is no work of ours. */
const mostNumbers = 1_000_000;

const fileOf = ({ stateDir, store, server, owner }: ExplainedPlace): string =>
  join(stateDir, 'explained', store, server, `${owner}.json`);

/** Null where nothing is remembered, or what is there cannot be understood. */
export async function readExplained(place: ExplainedPlace): Promise<ExplainedNumbers | null> {
  const read = await readJsonFile(fileOf(place)).catch(() => null);
  return read !== null && 'value' in read && isExplained(read.value) ? read.value : null;
}

/** Best effort: what is not remembered is read once more. */
export async function rememberExplained(place: ExplainedPlace, numbers: ExplainedNumbers): Promise<void> {
  const path = fileOf(place);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeJsonFile(path, numbers, { durable: false });
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code !== 'string') throw error;
  }
}

function isExplained(value: unknown): value is ExplainedNumbers {
  if (typeof value !== 'object' || value === null) return false;
  const { trust, through, keys, open, ranges } = value as Record<string, unknown>;
  return (
    [trust, through, keys].every((one) => typeof one === 'string') &&
    Array.isArray(open) &&
    open.every((one) => typeof one === 'string') &&
    typeof ranges === 'object' &&
    ranges !== null &&
    Object.values(ranges).every((one) => Array.isArray(one) && isRanges(one))
  );
}

function isRanges(ranges: readonly unknown[]): boolean {
  let numbers = 0;
  return ranges.every((range) => {
    const [first, last] = Array.isArray(range) ? (range as unknown[]) : [];
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last)) return false;
    numbers += (last as number) - (first as number) + 1;
    return (first as number) <= (last as number) && numbers <= mostNumbers;
  });
}
