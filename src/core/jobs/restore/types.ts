/**
 * What a restore is asked and what it answers. Plain data.
 */

import type { Warning } from '../../archive/manifest.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import type { Snapshot } from '../catalog.ts';
import type { RestoreThreads } from './restore-threads.ts';
import type { Restriction } from './restriction.ts';

export interface RestoreRequest {
  readonly provider: KeyedProvider;
  readonly snapshot: Snapshot;
  /** Absolute path of a directory that is empty or absent (unless `resume`). Its parent exists. */
  readonly target: string;
  /** Raw paths inside the snapshot; each brings what lies below it. */
  readonly paths: readonly Buffer[];
  /** Names of databases, plain or as `<instance>/<name>`. */
  readonly databases: readonly string[];
  /** True where neither `paths` nor `databases` narrow it down: every component. */
  readonly everything: boolean;
  /** Go on in a target that an interrupted restore of the same snapshot left behind. */
  readonly resume: boolean;
  /** For a snapshot that is not trusted: see restriction.ts. Without it everything is given back as it was. */
  readonly restriction?: Restriction;
  readonly threads: number;
  /** Threads that several restores share; each starts its own where this is left out. */
  readonly pool?: RestoreThreads;
  readonly signal: AbortSignal;
  readonly onEvent: (event: RestoreEvent) => void;
}

export type RestoreEvent =
  | { readonly type: 'planned'; readonly entries: number; readonly bytes: number }
  /** Since the last event. */
  | { readonly type: 'progress'; readonly entries: number; readonly bytes: number };

export interface RestoreFailure {
  /** Path inside the snapshot, as `shown`. */
  readonly path: string;
  readonly message: string;
}

export interface RestoreReport {
  readonly entries: number;
  readonly bytes: number;
  /** Entries that `resume` found already there. */
  readonly kept: number;
  /** Paths of the database files written, below the target. */
  readonly databaseFiles: readonly string[];
  /** What the target refused, and what the snapshot itself recorded as changed or torn. */
  readonly warnings: readonly Warning[];
  readonly warningCounts: Readonly<Record<string, number>>;
  /** What could not be restored at all. At most 1,000 are listed. */
  readonly failures: readonly RestoreFailure[];
  readonly failureCount: number;
  /** 0, that of FINISHED_WITH_WARNINGS, or that of RESTORE_INCOMPLETE. */
  readonly exitStatus: number;
}
