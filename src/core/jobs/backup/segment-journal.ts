/**
 * Notes, while a capture runs, which segments the store has and what lies in them, so that the next run can
 * refer to them where this one is killed. Goes when a snapshot of the account is committed.
 *
 * Only a help: where it cannot be written, the backup goes on without. What an interrupted run left is a day
 * at most in use, since prune removes what no manifest names after that. Paths of the account stand in it, so
 * it is private to its owner, like all of the state.
 */

import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writevSync } from 'node:fs';
import { join } from 'node:path';
import type { FinishedPage } from '../../archive/pages.ts';
import type { ObjectRow } from '../../archive/root.ts';
import { lengthOf, pageRecord, segmentRecord } from './journal-file.ts';

/** So much waits in memory, and a segment for so long: most accounts are committed by then, and make no file. */
const heldBytes = 1024 * 1024;
const heldMs = 1000;
/** What comes after so much is not noted. */
const journalLimitBytes = 256 * 1024 * 1024;
/** Less than the grace of prune by half, for clocks that differ and the time that the next run takes. */
const usableMs = 12 * 3_600_000;

export interface JournalOf {
  readonly stateDir: string;
  readonly addinId: string;
  readonly owner: string;
}

const directoryOf = ({ stateDir, addinId }: JournalOf): string => join(stateDir, 'journals', addinId);
const nameOf = (owner: string, objectId: string): string => `${owner}-${objectId}.journal`;

export class SegmentJournal {
  readonly #of: JournalOf;
  readonly #path: string;
  /** Records that are made when they are written, if ever. */
  #held: (() => Uint8Array[])[] = [];
  #waiting = 0;
  #written = 0;
  #broken = false;
  #hasSegment = false;
  #isOver = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(of: JournalOf, objectId: string) {
    this.#of = of;
    this.#path = join(directoryOf(of), nameOf(of.owner, objectId));
  }

  page(page: FinishedPage, linked: boolean): void {
    if (this.#broken || this.#written + this.#waiting > journalLimitBytes) return;
    this.#held.push(() => pageRecord(page, linked));
    this.#waiting += page.frame.length;
    if (this.#waiting >= heldBytes) this.#write();
  }

  /** Call it when the segment's put has resolved. */
  stored(row: ObjectRow): void {
    if (this.#broken) return;
    this.#held.push(() => segmentRecord(row));
    this.#hasSegment = true;
    if (this.#isOver || this.#waiting >= heldBytes) this.#write();
    else this.#timer ??= setTimeout(() => this.#write(), heldMs).unref();
  }

  /** The run goes no further: what was stored, or is at this moment, is for the next. */
  interrupted(): void {
    this.#isOver = true;
    if (this.#hasSegment && this.#held.length > 0) this.#write();
  }

  /** Nobody needs it any more. */
  drop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#held = [];
    this.#broken = true;
  }

  /** Opened each time, so that a run over many accounts holds no descriptors. */
  #write(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    try {
      mkdirSync(directoryOf(this.#of), { recursive: true, mode: 0o700 });
      const fd = openSync(this.#path, 'a', 0o600);
      try {
        const pieces = this.#held.flatMap((record) => record());
        // What is cut short ends the file for its reader.
        if (writevSync(fd, pieces) < lengthOf(pieces)) this.#broken = true;
      } finally {
        closeSync(fd);
      }
    } catch {
      this.#broken = true;
    }
    this.#written += this.#waiting;
    this.#waiting = 0;
    this.#held = [];
  }
}

/** Paths of what interrupted runs of the account left, oldest first. Removes what is too old to be of use. */
export function leftJournals(of: JournalOf, nowMs: number): string[] {
  const found: { path: string; atMs: number }[] = [];
  for (const name of journalNames(of)) {
    const path = join(directoryOf(of), name);
    const about = statSync(path, { throwIfNoEntry: false });
    if (about === undefined) continue;
    // When it was begun: the oldest segment in it may be removed a day after that.
    const atMs = about.birthtimeMs || about.ctimeMs;
    if (Math.abs(nowMs - about.mtimeMs) > 2 * usableMs) rmSync(path, { force: true });
    else if (name.startsWith(`${of.owner}-`) && Math.abs(nowMs - atMs) < usableMs) found.push({ path, atMs });
  }
  return found.sort((a, b) => a.atMs - b.atMs).map(({ path }) => path);
}

/**
 * Forgets what interrupted runs of the account left; for one that got through, whose own file goes too. One that
 * cannot be removed does no harm: what it names is known from the parent then.
 */
export function removeJournals(of: JournalOf): void {
  for (const name of journalNames(of)) {
    try {
      if (name.startsWith(`${of.owner}-`)) rmSync(join(directoryOf(of), name), { force: true });
    } catch {
      // It is too old to be of use soon.
    }
  }
}

function journalNames(of: JournalOf): string[] {
  try {
    return readdirSync(directoryOf(of)).filter((name) => name.endsWith('.journal'));
  } catch {
    return [];
  }
}
