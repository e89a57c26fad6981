/**
 * What prune is asked, and what it reports. Plain data but for the opened store.
 */

import type { ManifestBody } from '../../archive/manifest.ts';
import type { Retention } from '../../config/addin-schema.ts';
import type { Store } from '../../contracts/store.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import type { Measures } from '../../state/measures.ts';
import type { EventWorld } from '../events.ts';
import type { RetainedSnapshot } from '../retention/types.ts';
import type { Trust } from '../trust.ts';
import type { Remembered } from '../verify-history.ts';

export interface PruneRequest {
  readonly store: Store;
  readonly provider: KeyedProvider;
  /** Whose snapshots and objects; what other servers keep in the store is read and left alone. */
  readonly server: string;
  /** The rules are for snapshots of this addin configuration; those of others are left alone. */
  readonly addin: { readonly id: string; readonly name: string };
  /** UUIDs of accounts; null for all. */
  readonly owners: readonly string[] | null;
  /** Null: no snapshot goes; objects that nothing names still do. */
  readonly retention: Retention | null;
  /**
   * Rules of its own for an account, by its UUID and what its readable snapshots say of it, oldest first; null: those
   * above, `unknown`: it cannot be told, and nothing of it goes.
   */
  readonly retentionOf?: (
    owner: string,
    snapshots: readonly ManifestBody['account'][],
  ) => Retention | null | 'unknown';
  /** What may go at once, instead of what `retention` says of it: 0 to 1. */
  readonly maxRemoveShare?: number;
  /** False: show only. */
  readonly apply: boolean;
  /** Holds the locks of accounts. */
  readonly stateDir: string;
  readonly world: EventWorld;
  readonly signal: AbortSignal;
  readonly onEvent: (event: PruneEvent) => void;
  /** Whose snapshots and events count; left out: everybody's. */
  readonly trust?: Trust;
  /** What this server made last of its accounts. Not for copies, which may lag behind. */
  readonly remembered?: readonly Remembered[];
  /**
   * Snapshots that are missing without a reason are lost for good: nothing stays because of them, and with `apply` an event
   * says so. Left out or false: nothing of such an account goes.
   */
  readonly acceptGaps?: boolean;
}

export type PruneEvent =
  /** Manifests read since the last event. */
  | { readonly type: 'read'; readonly manifests: number }
  /** Manifests and objects removed since the last event, with their bytes as stored. */
  | { readonly type: 'removed'; readonly count: number; readonly bytes: number };

export interface StoredKey {
  readonly key: string;
  /** Null where the store has no versions. */
  readonly version: string | null;
  readonly sizeBytes: number;
}

export interface PrunableSnapshot extends RetainedSnapshot {
  /** `<site>-<UTC>-<12 hex>` */
  readonly name: string;
  readonly key: string;
  readonly digest: string;
  /** When its manifest was written, by the clock of its server. */
  readonly committedMs: number;
  readonly measures: Measures | null;
  /** Every revision there is, the lowest first. */
  readonly manifests: readonly StoredKey[];
  /** 32 hex digits of each index object that revisions of it had written anew. */
  readonly indexes: readonly string[];
}

export interface PrunedSnapshot {
  readonly owner: string;
  readonly site: string;
  readonly snapshot: PrunableSnapshot;
  readonly keep: boolean;
  readonly reasons: readonly string[];
  /** Its manifest is gone. */
  readonly removed: boolean;
}

/** Why prune did not do what the rules say. */
export interface Refusal {
  readonly rule:
    | 'share'
    | 'clock'
    | 'shrunk'
    | 'damaged-manifest'
    | 'changed'
    | 'unknown-plan'
    | 'forked'
    | 'gap';
  /** UUID of the account it is about; null where it is about all. */
  readonly owner: string | null;
  readonly message: string;
  readonly hint: string;
}

/** Snapshots that are missing without a reason, where the request takes them for lost. */
export interface AcceptedGap {
  readonly owner: string;
  readonly site: string;
  readonly message: string;
  /** It counts as lost from now on. */
  readonly accepted: boolean;
}

export interface Tally {
  count: number;
  bytes: number;
}

export interface PruneReport {
  /** In the order of accounts, oldest first; of a store that was full meanwhile, before them those that went until then. */
  readonly snapshots: readonly PrunedSnapshot[];
  readonly refusals: readonly Refusal[];
  /** With `acceptGaps` only: without it each is a refusal. */
  readonly gaps: readonly AcceptedGap[];
  /** Data and index objects that nothing names: to be removed, or removed where that was asked for. */
  readonly objects: Readonly<Tally>;
  /** Manifests and objects that are gone now; nothing without `apply`. */
  readonly removed: Readonly<Tally>;
  /** Objects that nothing names and that are too young to go. */
  readonly waiting: Readonly<Tally>;
  /** Snapshots that are not trusted: they stay, and none goes because of them. */
  readonly untrusted: number;
  /** Pins, holds, their ends and erasures that do not count, since who signed them is not trusted. */
  readonly untrustedEvents: number;
  /** Snapshots of other addin configurations of the server, by the name of those: no rule here is about them. */
  readonly others: ReadonlyMap<string, number>;
  /** Objects that nothing names and that an object lock keeps, and when the first and the last may go. */
  readonly kept: Readonly<Tally> & { readonly ends: readonly [first: number, last: number] | null };
  /** Manifests and objects that the store refused to remove. */
  readonly denied: number;
  /** Sites whose accounts another job was working on. */
  readonly locked: readonly string[];
  /** Sites where the store removes so slowly that not all went within the time that prune takes for one account. */
  readonly unfinished: readonly string[];
  /** Keys in classes of ours that are no name of ours; they are never touched. */
  readonly unknown: { readonly count: number; readonly first: readonly string[] };
  /** 0, or that of PRUNE_REFUSED, STORE_DENIED or ACCOUNT_LOCKED. */
  readonly exitStatus: number;
}
