/**
 * The provider contract: decides what a snapshot stores anew and what it refers to, and brings
 * finished objects to a store and back.
 *
 * Core walks, reads, hashes, packs, compresses and encrypts; a provider never touches an account's
 * files, its databases or the panel. It sees named, finished objects and may keep them where it
 * likes, as long as `get` returns exactly the bytes that `put` took.
 *
 * Units and errors as in the store contract. Concurrency: core holds the account's lock around
 * `plan` and `put` of one owner; different owners overlap, reads overlap with anything.
 *
 * `providerChecks` in core/conformance states these rules as runnable checks.
 */

import type { CallOptions, GetRequest, PutRequest, PutResult, Store, StoreAbility } from './store.ts';

export const providerContract = 1;

export type Level = 'full' | 'differential' | 'incremental';
export type RequestedLevel = Level | 'auto';

export interface ProviderCapabilities {
  /** Levels this provider can write. Every provider can write `full`. */
  readonly levels: readonly Level[];
  /** False: it goes on without a full, so retention may let the last one go. Left out: true. */
  readonly needsFull?: boolean;
  /** What the store beneath must be able to do; without it the provider is not opened on that store. */
  readonly needs?: readonly StoreAbility[];
}

/** One committed snapshot of an owner, as its manifest's key tells it. Oldest first in a history. */
export interface HistoryItem {
  readonly sequence: number;
  /** Twelve hex digits, unique per owner. */
  readonly id: string;
  readonly atMs: number;
  readonly level: Level;
  readonly state: 'complete' | 'partial';
  readonly manifestKey: string;
}

export interface PlanRequest extends CallOptions {
  readonly owner: string;
  readonly requested: RequestedLevel;
  /** The owner's snapshots of this addin configuration, oldest first. A backup tells none to a provider of fulls alone. */
  readonly history: readonly HistoryItem[];
  readonly nowMs: number;
}

/** `parents` holds the ids this snapshot may refer to, nearest first; empty for a full. */
export type Plan =
  | { readonly level: 'full'; readonly parents: readonly []; readonly reason: string }
  | {
      readonly level: 'differential' | 'incremental';
      readonly parents: readonly [string, ...string[]];
      readonly reason: string;
      /** Of so many files that seem unchanged one is read again; 1 reads all. Default 30. */
      readonly rereadEvery?: number;
    };

export type ObjectKind = 'segment' | 'export' | 'index' | 'manifest' | 'key' | 'event' | 'run' | 'meta';

/** An object as core hands it over: finished, named, of one kind. */
export interface ProviderPut extends PutRequest {
  readonly kind: ObjectKind;
}

export interface Provider {
  /** Name of the addin that made it, stored in every manifest. */
  readonly name: string;
  readonly capabilities: ProviderCapabilities;

  /**
   * Chooses the level and the parents. Pure: writes nothing, so that a dry run can ask as well.
   *
   * @throws CONFIG_INVALID this provider cannot write the requested level
   */
  plan(request: PlanRequest): Promise<Plan>;

  /** Same promises as `Store.put`: durable, all or nothing. */
  put(request: ProviderPut): Promise<PutResult>;

  /** Same promises as `Store.get`. */
  get(request: GetRequest): AsyncIterable<Uint8Array>;
}

/** What a provider is made from: its store, opened by core, and its validated settings. */
export interface ProviderInput {
  readonly store: Store;
  readonly settings: Readonly<Record<string, unknown>>;
}
