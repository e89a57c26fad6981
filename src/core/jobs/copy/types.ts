/**
 * What the copying of snapshots is asked, and what it tells meanwhile. Plain data but for the opened stores.
 */

import type { Retention } from '../../config/addin-schema.ts';
import type { State } from '../../state/state.ts';
import type { OpenAddin } from '../addin.ts';
import type { Trust } from '../trust.ts';
import type { OpenStore } from './copy-one.ts';
import type { CopyReport } from './report.ts';

export interface CopyTarget {
  /** Unique in its addin configuration; the state remembers the store under it. */
  readonly name: string;
  /** What stays in the copy; null where all does. */
  readonly retention: Retention | null;
  /** Called once; the store is closed by the job. Where it rejects, this copy alone fails. */
  readonly open: () => Promise<OpenStore>;
}

export interface CopyRun {
  readonly addin: OpenAddin;
  readonly copies: readonly CopyTarget[];
  readonly state: State;
  readonly stateDir: string;
  /** Whose snapshots are copied, and whose events in the copies count; left out: everybody's. */
  readonly trust?: Trust;
  /** Plain snapshots may go to a copy that holds encrypted ones; left out: they may not. */
  readonly allowPlaintext?: boolean;
  /** Snapshots under way at once. */
  readonly concurrency: number;
  /**
   * For so long after its look at the manifests may a prune on another machine remove objects; 10,000
   * where nothing is said.
   */
  readonly settleMs?: number;
  /** Milliseconds for which accounts that other jobs work on are waited for at the end; 0 where nothing is said. */
  readonly lockWaitMs?: number;
  readonly world: { readonly now: () => number; readonly newUuid: () => string };
  readonly signal: AbortSignal;
  readonly onEvent: (event: CopyEvent) => void;
}

export type CopyEvent =
  /** `lacking` snapshots are still to be copied, those under way included. */
  | { readonly type: 'sent'; readonly copy: string; readonly bytes: number; readonly lacking: number }
  | { readonly type: 'ended'; readonly report: CopyReport };
