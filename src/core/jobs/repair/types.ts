/**
 * What repair is asked, and what it reports. Plain data but for the opened stores.
 */

import type { Signer } from '../../archive/seal.ts';
import type { Store } from '../../contracts/store.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import type { OpenStore } from '../copy/copy-one.ts';
import type { Trust } from '../trust.ts';
import type { Remembered } from '../verify-history.ts';

export interface RepairCopy extends OpenStore {
  readonly name: string;
  /** Id of the store that this server copied to before; null or left out where nobody knows. */
  readonly remembered?: string | null;
}

/** A copy whose not having something proves nothing. */
export interface UnaskedCopy {
  readonly copy: string;
  /** Why, safe to print. */
  readonly message: string;
}

export interface RepairRequest {
  readonly store: Store;
  /** With the keys, where snapshots are encrypted. */
  readonly provider: KeyedProvider;
  /** Whose snapshots. */
  readonly server: string;
  /** UUIDs of accounts; null for all. */
  readonly owners: readonly string[] | null;
  /** Copies of the store, in the order in which they are asked. */
  readonly copies: readonly RepairCopy[];
  /**
   * The store is a copy, and `copies` is the main store it was made of: what is damaged or missing is fetched, and
   * nothing else happens. What a snapshot lost is for the main store to say; the copy may have to do without keys.
   */
  readonly isCopy?: boolean;
  /** Id of the store, for where it does not tell; left out: nobody knows. */
  readonly storeId?: string | null;
  /** Those that could not be opened: while there are any, nothing counts as lost. */
  readonly unopened?: readonly UnaskedCopy[];
  /**
   * Hashes every data object; without it only what is missing or has another size shows. What is to be taken back is
   * hashed in any case, and what a full names whose index is to be made again.
   */
  readonly readData: boolean;
  /** False: show only. */
  readonly apply: boolean;
  /** Holds the locks of accounts. */
  readonly stateDir: string;
  /** Signs new revisions; null only where nothing is written. */
  readonly signer: Signer | null;
  /** What the state knows of the last snapshots; left out: nothing. */
  readonly remembered?: readonly Remembered[];
  /** What is not trusted is left alone, and so is what it alone names. Left out: nothing is. */
  readonly trust?: Trust;
  readonly world: { readonly now: () => number; readonly newObjectId: () => string };
  readonly signal: AbortSignal;
  readonly onEvent: (event: RepairEvent) => void;
}

export type RepairEvent =
  /** Bytes that were read since the last event. */
  | { readonly type: 'bytes'; readonly bytes: number }
  /** One more account was looked through; `share` is that of all snapshots, 0 to 1. */
  | { readonly type: 'account'; readonly share: number };

export interface RepairedObject {
  /** Where manifests are missing that no copy has, the prefix of those of the account. */
  readonly key: string;
  /** UUID of the account that refers to it, or whose key it is. */
  readonly owner: string;
  readonly problem: string;
  /** Name of the copy, or of the main store, it is taken from; null where none that answers has it whole. */
  readonly copy: string | null;
  /** It is whole again. */
  readonly mended: boolean;
}

/** A page of an index that cannot be read. */
export interface LostPage {
  /** Its first path, escaped. */
  readonly from: string;
  /** The first path after it; null where it is the last. */
  readonly before: string | null;
  readonly count: number;
}

export interface RepairedSnapshot {
  readonly name: string;
  /** Its index is made again from its segments. */
  readonly rebuilt: boolean;
  /** An earlier repair had to say that something is lost, and all of it is there again. */
  readonly broughtBack: boolean;
  /** A revision above it is damaged, and no copy has that: the new one says what it says, all of which is whole. */
  readonly replaced: boolean;
  /** Names of components of which something is lost. */
  readonly components: readonly string[];
  /** How many paths are lost, and the first of them, escaped. */
  readonly lostPaths: number;
  readonly paths: readonly string[];
  /** Of those that are lost, so many nobody can name: no list of them is left. */
  readonly unnamed: number;
  /** Of `paths`, which stand for more than themselves. */
  readonly pages: readonly LostPage[];
  /** Its new revision, which says so, exists. */
  readonly published: boolean;
}

export interface RepairReport {
  readonly snapshotsSeen: number;
  /** Of these, so many nobody signed who is trusted: they were left alone. */
  readonly untrusted: number;
  /** Of these, so many nobody can read any more, as their account was erased: they were left alone. */
  readonly erased: number;
  /**
   * Of these, so many are encrypted and were not opened, for want of an identity or of the right one: their objects were looked at and
   * fetched, but nothing of them was marked, made again or taken back. 0 for a copy, where none of that is done.
   */
  readonly unread: number;
  readonly objects: readonly RepairedObject[];
  /** Snapshots that get a new revision. */
  readonly snapshots: readonly RepairedSnapshot[];
  /** Folders of trials that killed runs left: to be removed, or removed. */
  readonly leftovers: readonly string[];
  /** Copies that could not be asked; where there are any, nothing was or would be marked as lost. */
  readonly unasked: readonly UnaskedCopy[];
  /** UUIDs of accounts that another job was working on. */
  readonly locked: readonly string[];
  /** Of so many accounts the newest snapshot has lost something. */
  readonly newestLost: number;
  /** 0, or that of OBJECT_MISSING, OBJECT_DAMAGED, STORE_UNAVAILABLE (a copy could not be asked), IDENTITY_WRONG (no
   * identity given opens some key), ACCOUNT_LOCKED or SNAPSHOT_UNTRUSTED (nothing but what is not trusted). */
  readonly exitStatus: number;
}
