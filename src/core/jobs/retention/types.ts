/**
 * What the retention policy is told of snapshots, and what it answers. Plain data.
 */

import type { SnapshotState } from '../../archive/keys.ts';
import type { Level } from '../../contracts/provider.ts';

/** One snapshot of an account under one addin configuration. */
export interface RetainedSnapshot {
  /** Twelve hex digits. */
  readonly id: string;
  readonly lineage: string;
  readonly sequence: number;
  /** Numbers of its lineage were given twice, so that only time tells their order. */
  readonly byTime?: boolean;
  /** When the snapshot began, by the clock of its server. */
  readonly atMs: number;
  readonly level: Level;
  readonly state: SnapshotState;
  /** It was complete, or may have been, until `repair` marked what it has lost since. Left out: it never was, or still is. */
  readonly wasComplete?: true;
  /** Null where it is locked, so that nobody knows them. */
  readonly components:
    | readonly {
        /** What to call it, unique in the account: `tree shadow`, `database mariadb/shop`. */
        readonly name: string;
        readonly complete: boolean;
      }[]
    | null;
}

/** What stands above the policy, as reasons in plain words. */
export interface Protection {
  /** Legal holds. */
  readonly holds: readonly string[];
  /** The account shall be erased; null where it shall not. */
  readonly erasure: string | null;
  /** Pins that have not ended. */
  readonly pins: readonly string[];
}

export interface Decision<S extends RetainedSnapshot = RetainedSnapshot> {
  readonly snapshot: S;
  readonly keep: boolean;
  /** All of them, for people; the first is the one that decides. Never empty. */
  readonly reasons: readonly string[];
  /** It goes because the account was erased, whatever else would keep it. */
  readonly erased?: true;
}
