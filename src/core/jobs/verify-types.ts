/** What a verification is asked, and what it answers. */

import type { Store } from '../contracts/store.ts';
import type { KeyedProvider } from '../encryption/keyed-provider.ts';
import type { ListedSnapshot } from './catalog.ts';
import type { RestoreThreads } from './restore/restore-threads.ts';
import type { Trust } from './trust.ts';
import type { HistoryProblem, Remembered } from './verify-history.ts';

export interface VerifyProblem {
  readonly object: string | null;
  readonly component: string | null;
  readonly path: string | null;
  readonly message: string;
}

export interface VerifiedSnapshot {
  /** Null where the manifest itself cannot be read. */
  readonly name: string | null;
  readonly key: string;
  /** Encrypted, and there was no identity: only stored objects were checked, their bytes where data is read. */
  readonly locked: boolean;
  /** The account was erased, and with its key what this holds: nothing but its place in the history was checked. */
  readonly erased?: true;
  /** So many paths `repair` has marked as lost; left out where it has marked none. They are no problems. */
  readonly lost?: number;
  readonly problems: readonly VerifyProblem[];
}

export interface VerifyReport {
  readonly snapshots: readonly VerifiedSnapshot[];
  /** How many others prune removed since they were listed. */
  readonly pruned: number;
  /** Snapshots that are missing or do not follow the one before; none where that was not asked. */
  readonly histories: readonly HistoryProblem[];
  /** Of so many accounts the newest snapshot has lost something, as `repair` has marked it; 0 where histories were not asked. */
  readonly newestLost: number;
  readonly objectsChecked: number;
  /** All that the store gave, manifests and indexes too. */
  readonly bytesRead: number;
  /** 0, or that of the worst problem: OBJECT_MISSING, OBJECT_DAMAGED, SNAPSHOT_UNTRUSTED or IDENTITY_WRONG. */
  readonly exitStatus: number;
}

export interface VerifyRequest {
  readonly provider: KeyedProvider;
  readonly store: Store;
  readonly snapshots: readonly ListedSnapshot[];
  /** `snapshots` are all there are of their accounts, so that it shows where one is missing. */
  readonly wholeHistories?: boolean;
  /** With whole histories: whose they are; left out or null: those of all accounts. */
  readonly owner?: string | null;
  /** With whole histories: servers whose events are looked at, whether they have snapshots there or not. */
  readonly servers?: readonly string[];
  /** With whole histories: what this server made last. Not for copies, which may lag behind. */
  readonly remembered?: readonly Remembered[];
  /**
   * Whose signatures count; without it none is asked for. Of a snapshot that nobody signed whose signature does, no
   * more is looked at, unless nobody's does.
   */
  readonly trust?: Trust;
  readonly readData: boolean;
  readonly threads: number;
  /** Threads to borrow instead of starting and ending some. */
  readonly pool?: RestoreThreads;
  readonly signal: AbortSignal;
  readonly onEvent: (event: VerifyEvent) => void;
}

export type VerifyEvent =
  | { readonly type: 'bytes'; readonly bytes: number }
  /** One of the snapshots is done. */
  | { readonly type: 'snapshot' };
