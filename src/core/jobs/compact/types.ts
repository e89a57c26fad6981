/**
 * What compact is asked, and what it reports. Plain data but for the opened store, and a rule over it.
 */

import type { Signer } from '../../archive/seal.ts';
import type { Store } from '../../contracts/store.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import type { Trust } from '../trust.ts';

export interface CompactRequest {
  readonly store: Store;
  /** With the keys, where snapshots are encrypted. */
  readonly provider: KeyedProvider;
  /** Whose snapshots. */
  readonly server: string;
  /** UUIDs of accounts; null for all. */
  readonly owners: readonly string[] | null;
  /** A segment is rewritten where a smaller share of it is alive; between 0 and 1. */
  readonly threshold: number;
  /** Living bytes that may be rewritten in this run, as tar; null: no limit. Where nothing fits, one object is rewritten all the same. */
  readonly maxBytes: number | null;
  /** False: show only. */
  readonly apply: boolean;
  /** Holds the locks of accounts. */
  readonly stateDir: string;
  /** Signs what is written; null only where nothing is. */
  readonly signer: Signer | null;
  /** What is not trusted is neither read nor written anew, or our signature would make it so. Left out: all is. */
  readonly trust?: Trust;
  readonly world: { readonly now: () => number; readonly newObjectId: () => string };
  readonly signal: AbortSignal;
  readonly onEvent: (event: CompactEvent) => void;
}

export type CompactEvent =
  /** An account has been looked at; `share` is that of all, 0 to 1. */
  | { readonly type: 'account'; readonly owner: string; readonly share: number }
  /** Bytes of tar that were rewritten since the last event. */
  | { readonly type: 'bytes'; readonly bytes: number };

/** An object of which too little is alive. */
export interface SparseObject {
  readonly key: string;
  readonly kind: 'segment' | 'index';
  readonly storedBytes: number;
  /** Of 1. */
  readonly liveShare: number;
  /** Bytes of tar, or of the index, that go into new objects. */
  readonly rewriteBytes: number;
}

export interface CompactedAccount {
  readonly owner: string;
  readonly site: string;
  readonly objects: readonly SparseObject[];
  /** Others, which could not be moved: `problem` says why. */
  readonly stuck: readonly SparseObject[];
  /** About what the store holds less in the end, with what is written already taken off. */
  readonly savedBytes: number;
  /** Names of the snapshots that refer to them and get a new revision. */
  readonly snapshots: readonly string[];
  /** What was written; nothing without `apply`. */
  readonly written: { readonly objects: number; readonly bytes: number };
  /** Names of the snapshots whose new revision exists now. */
  readonly published: readonly string[];
  /** Why not all was done, in plain words; null where it was. */
  readonly problem: string | null;
}

/**
 * Names of the snapshots for which objects were written in vain, as another machine has meanwhile written a revision of them,
 * or removed them or those objects.
 */
export const outrun = ({ snapshots, published, written }: CompactedAccount): readonly string[] =>
  written.objects === 0 ? [] : snapshots.filter((name) => !published.includes(name));

export interface CompactReport {
  /** Those of which something is or would be rewritten, and those with a problem. */
  readonly accounts: readonly CompactedAccount[];
  readonly accountsSeen: number;
  /** Sites that another job was working on. */
  readonly locked: readonly string[];
  /** The budget ended the run before all was rewritten. */
  readonly budgetSpent: boolean;
  /** 0, or that of OBJECT_DAMAGED or ACCOUNT_LOCKED (also where another machine was first). */
  readonly exitStatus: number;
}
