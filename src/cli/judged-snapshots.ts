/**
 * Which listed snapshots can be believed: whoever can write to a store can put a name there that says anything.
 *
 * A key that this server remembers to have written costs no request. Of any other the manifest is read: it has to
 * be whole, to belong under its name, and to be signed by somebody who is trusted. That contents are still what
 * they were is for `verify`.
 */

import type { SnapshotState } from '../core/archive/keys.ts';
import type { Component } from '../core/archive/manifest.ts';
import { isUnusable, type ListedSnapshot, readSoundSnapshot } from '../core/jobs/catalog.ts';
import { partNames } from '../core/jobs/retention/retained.ts';
import { distrustOf, type Trust } from '../core/jobs/trust.ts';
import {
  type AllNewest,
  type NewestFindings,
  readAllNewest,
  writtenManifests,
} from '../core/state/newest-findings.ts';
import type { ShownFinding } from './recent-findings.ts';
import type { Search } from './search.ts';

/** What its manifest says; null each where it is locked. */
export interface Judged {
  readonly state: SnapshotState;
  /** Trees, and each database for itself. */
  readonly components: readonly Pick<Component, 'name' | 'state'>[] | null;
  readonly findings: readonly ShownFinding[] | null;
}

export interface Doubt {
  readonly key: string;
  /** One sentence without a full stop, which names the manifest. */
  readonly message: string;
  readonly kind: 'unreadable' | 'untrusted' | 'missing';
}

export type Verdict = { readonly doubt: null; readonly judged: Judged } | { readonly doubt: Doubt };

/** Of one account; more than that somebody has planted, and each would cost a request. */
const mostDoubts = 10;

export class SnapshotJudge {
  readonly #search: Search;
  readonly #trust: Trust | null;
  readonly #newest: AllNewest;
  readonly #written: ReadonlySet<string>;
  readonly #read = new Map<string, Promise<Verdict>>();

  private constructor(search: Search, trust: Trust | null, newest: AllNewest) {
    this.#search = search;
    this.#trust = trust;
    this.#newest = newest;
    this.#written = writtenManifests(newest);
  }

  /** @param trust null: anybody's that can be read is believed */
  static async open(search: Search, trust: Trust | null, stateDir: string): Promise<SnapshotJudge> {
    return new SnapshotJudge(search, trust, await readAllNewest(stateDir));
  }

  /** What this server remembers of the newest snapshot of each account, by its UUID. */
  remembered(addinId: string): ReadonlyMap<string, NewestFindings> {
    return this.#newest.get(addinId) ?? new Map();
  }

  /** This server remembers it. */
  isWritten({ key }: ListedSnapshot): boolean {
    return this.#written.has(key);
  }

  /** The last where it is the newest as well, complete, and remembered; null where something has to be looked at. */
  sure(listed: readonly ListedSnapshot[]): ListedSnapshot | null {
    const last = listed.at(-1);
    if (last?.state !== 'complete' || !this.isWritten(last)) return null;
    return listed.every(({ atMs }) => atMs <= last.atMs) ? last : null;
  }

  /** What its manifest says, which is read once. */
  read(listed: ListedSnapshot): Promise<Verdict> {
    const { key } = listed;
    const known = this.#read.get(key);
    if (known !== undefined) return known;
    const reading = this.#judge(listed);
    this.#read.set(key, reading);
    return reading;
  }

  /**
   * The newest complete one that can be believed, by its instant.
   *
   * @param look also at one that this server remembers
   * @param doubts get those that were passed over
   */
  async newestComplete(
    listed: readonly ListedSnapshot[],
    doubts: Doubt[],
    look = false,
  ): Promise<ListedSnapshot | null> {
    const complete = listed.filter(({ state, earlier }) =>
      [{ state }, ...(earlier ?? [])].some((one) => one.state === 'complete'),
    );
    let passed = 0;
    for (const one of complete.sort((a, b) => b.atMs - a.atMs || b.sequence - a.sequence)) {
      const own = this.isWritten(one) && one.state === 'complete';
      if (own && !look) return one;
      if (!own && passed >= mostDoubts) continue;
      const verdict = await this.read(one);
      if (verdict.doubt === null) {
        if (verdict.judged.state === 'complete') return one;
        continue;
      }
      doubts.push(verdict.doubt);
      passed += 1;
    }
    return null;
  }

  async #judge(listed: ListedSnapshot): Promise<Verdict> {
    const { provider, signal } = this.#search;
    const { key } = listed;
    try {
      const snapshot = await readSoundSnapshot(provider, listed, signal, this.#trust ?? undefined);
      const why = this.#trust === null ? null : distrustOf(snapshot, this.#trust, `manifest ${key}`);
      if (why !== null) return { doubt: { key, message: why, kind: 'untrusted' } };
      const { header, body } = snapshot;
      const components =
        body?.components.flatMap((one) => partNames(one).map((name) => ({ name, state: one.state }))) ?? null;
      return {
        doubt: null,
        judged: {
          state: header.state,
          components,
          findings: body === null ? null : (body.findings ?? []),
        },
      };
    } catch (error) {
      if (!isUnusable(error)) throw error;
      return { doubt: { key, message: error.message, kind: 'unreadable' } };
    }
  }
}
