/**
 * How far one account is, by what the snapshot before says of it.
 *
 * A full reads every byte. Anything else passes the entries, and reads of the files only what changed, which nobody
 * knows before; an entry then counts as much as its headers in a tar.
 */

import type { Snapshot } from '../catalog.ts';
import { contentBytes } from '../findings/measures.ts';
import type { OwnHistory } from './history.ts';

/** Gets what was read since the last call, and the share of the account that is done; null where nobody knows. */
export type OnBytes = (bytes: number, share: number | null) => void;

/** A header, one for its attributes and times, and padding. */
const entryBytes = 2048;
/** The rest is for the store. */
const most = 0.99;

export class AccountProgress {
  readonly #onBytes: OnBytes;
  #expected: number | null = null;
  #isFull = true;
  #done = 0;

  constructor(onBytes: OnBytes) {
    this.#onBytes = onBytes;
  }

  /** All of it is read. `bytes` are those of files and exports in the snapshot before. */
  expectFull(before: { readonly entries: number; readonly bytes: number }): void {
    this.#expected = before.bytes + before.entries * entryBytes;
  }

  /** Only what changed is read. `exportBytes` are those of exports in the snapshot before. */
  expectChanges(before: { readonly entries: number; readonly exportBytes: number }): void {
    this.#isFull = false;
    this.#expected = before.exportBytes + before.entries * entryBytes;
  }

  exported(bytes: number): void {
    this.#done += bytes;
    this.#tell(bytes);
  }

  /** Of the tar, headers included. */
  stored(bytes: number): void {
    if (this.#isFull) this.#done += bytes;
    this.#tell(bytes);
  }

  passed(entries: number): void {
    if (this.#isFull) return;
    this.#done += entries * entryBytes;
    this.#tell(0);
  }

  #tell(bytes: number): void {
    const expected = this.#expected;
    this.#onBytes(bytes, expected === null ? null : Math.min(most, this.#done / Math.max(1, expected)));
  }
}

/** @param parent null for a full, which is measured by the newest snapshot as soon as that is known */
export function progressOf(
  onBytes: OnBytes,
  reading: Promise<Pick<OwnHistory, 'recent'>>,
  parent: Snapshot | null,
): AccountProgress {
  const progress = new AccountProgress(onBytes);
  if (parent !== null) {
    const { components, counts } = parent.body;
    const exportBytes = contentBytes({ components, counts }) - counts.bytes;
    progress.expectChanges({ entries: counts.entries, exportBytes });
    return progress;
  }
  const expect: (history: Pick<OwnHistory, 'recent'>) => void = ({ recent }) => {
    const last = recent.at(-1);
    if (last !== undefined) progress.expectFull(last);
  };
  // Where it cannot be read, the snapshot fails by that, and not here.
  reading.then(expect, () => {});
  return progress;
}
