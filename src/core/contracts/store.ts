/**
 * The store contract: keeps bytes under keys.
 *
 * Units: sizes and offsets are bytes, instants are milliseconds since the Unix epoch (UTC).
 * Keys: 1-900 bytes of `[A-Za-z0-9_.%/-]`; no empty, `.` or `..` component. Core names every object.
 * Errors: methods reject with a `HoldfastError`; STORE_UNAVAILABLE, STORE_DENIED and INTERRUPTED may
 * come from any of them. A store retries by itself what can be retried; core never repeats a put.
 * Concurrency: any methods may overlap, also with those of other processes on the same store.
 *
 * Messages only: requests and results are plain data and byte streams, so that a store can live in
 * a process of its own. `storeChecks` in core/conformance states these rules as runnable checks.
 */

export const storeContract = 1;

/** What a store can do beyond the minimum. Absent capability, absent promise. */
export interface StoreCapabilities {
  /** `put` with `createOnly` is refused by the store itself when the key exists, also under a race. */
  readonly conditionalCreate: boolean;
  /** Overwriting or removing keeps old versions; `put` returns version ids and `remove` takes them. */
  readonly versions: boolean;
  /** What is put into a class that its settings lock can be neither removed nor changed until the lock ends. */
  readonly objectLock: boolean;
  /**
   * By which rules its settings lock what it puts; another text where the rules are others. Also where nobody could ask whether
   * the place has locks: its puts are refused then, or locked. Null or absent: none that the store tells.
   */
  readonly lockRules?: string | null;
  /** Names accepted in `storageClass`; empty when there is only one class. */
  readonly storageClasses: readonly string[];
  readonly serverSideCopy: boolean;
  /** The credentials can write but neither read nor remove. */
  readonly putOnly: boolean;
}

/** Capabilities that a provider may need of a store. */
export const storeAbilities = ['conditionalCreate', 'versions', 'objectLock', 'serverSideCopy'] as const;

export type StoreAbility = (typeof storeAbilities)[number];

export interface CallOptions {
  readonly signal: AbortSignal;
}

export interface PutRequest extends CallOptions {
  readonly key: string;
  /**
   * Read once, in order. A failing body makes `put` fail and leaves nothing under the key. A chunk is the
   * producer's again as soon as the next one is asked for: whoever keeps it longer copies it.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Exact size where known; a body of another size is an error. */
  readonly sizeBytes?: number;
  /** Refuse with OBJECT_EXISTS if the key exists (best effort without `conditionalCreate`). */
  readonly createOnly?: boolean;
  readonly storageClass?: string;
}

export interface PutResult {
  readonly sizeBytes: number;
  /** Version id where the store has versions, else null. */
  readonly version: string | null;
  /** The store's own clock when it finished the write; null where it does not tell. */
  readonly storedAtMs: number | null;
}

export interface ByteRange {
  readonly offset: number;
  /** 1 or more: HTTP has no way to ask for nothing. */
  readonly length: number;
}

export interface GetRequest extends CallOptions {
  readonly key: string;
  /** Without a range: the whole object. A range that ends beyond the object is OBJECT_DAMAGED. */
  readonly range?: ByteRange;
  readonly version?: string;
}

export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  readonly version: string | null;
  readonly storageClass: string | null;
  /** False while the object lies in an archive class and must be thawed before `get`. */
  readonly readable: boolean;
  /**
   * Nobody can remove or change this version before then. Told by `head` alone, where the store has locks
   * and the credentials may ask; absent or null: no lock is known.
   */
  readonly lockedUntilMs?: number | null;
}

export interface ListRequest extends CallOptions {
  /** Yields keys that begin with exactly these characters; need not end at a slash. */
  readonly prefix: string;
  /** Yields only keys that sort after this one. */
  readonly after?: string;
  /** Upper bound for this page; the store may return fewer. Default 1000. */
  readonly limit?: number;
  /**
   * Where the store has versions: also keys that were removed and of which a version is left, each with the
   * newest that is. Elsewhere it changes nothing. A store that may not look at them, or cannot tell whether it has any, refuses
   * with STORE_DENIED: a listing without them would say that nothing is left.
   */
  readonly hidden?: boolean;
}

/** Keys ascend by their bytes. `next` is the `after` of the following page, null on the last. */
export interface ListPage {
  readonly objects: readonly ObjectInfo[];
  readonly next: string | null;
}

export interface RemoveRequest extends CallOptions {
  readonly key: string;
  /** Where the store has versions: this one, so that its space comes back; without it nothing of the key is seen afterwards. */
  readonly version?: string;
}

export interface ExtendLockRequest extends CallOptions {
  readonly key: string;
  /**
   * When the object was last put or extended at the earliest, by the clock of the store as far as the caller knows it, else by its
   * own; null: not known, or not by the present `lockRules`. An instant that has not come yet says nothing.
   */
  readonly lockedAtMs: number | null;
}

export interface Store {
  /** Name of the addin that made it, stored in every manifest. */
  readonly name: string;
  readonly capabilities: StoreCapabilities;

  /**
   * Stores one object. Resolves only when it would survive a loss of power; a reader sees all of it
   * or nothing. After a failure nothing is visible under the key (or what was there before).
   *
   * @throws OBJECT_EXISTS `createOnly` and the key exists
   * @throws STORE_FULL the destination refused bytes for lack of space or quota
   */
  put(request: PutRequest): Promise<PutResult>;

  /**
   * Yields the bytes in order, in buffers that are the caller's from then on. The iteration rejects where fewer bytes come than the object or the
   * range has; it never ends short in silence.
   *
   * @throws OBJECT_MISSING there is no such key (or version)
   * @throws OBJECT_DAMAGED the range lies outside the object, or the store finds it damaged
   */
  get(request: GetRequest): AsyncIterable<Uint8Array>;

  /** Null where there is no such key. */
  head(request: { readonly key: string } & CallOptions): Promise<ObjectInfo | null>;

  /** One page, in bounded memory. Unfinished puts are never listed. An unknown prefix is empty. */
  list(request: ListRequest): Promise<ListPage>;

  /** Removing an absent key succeeds, so that an interrupted removal can be repeated. */
  remove(request: RemoveRequest): Promise<void>;

  /**
   * Optional. Locks an object that is there for at least as long as one that is put now; a lock never gets
   * shorter. Does nothing for a class without lock, nor where `lockedAtMs` shows that the lock lasts.
   *
   * @throws OBJECT_MISSING there is no such key
   * @throws STORE_DENIED the credentials may not, or the service does not
   */
  extendLock?(request: ExtendLockRequest): Promise<void>;

  /** Releases sockets and processes. The store is not used afterwards; a second call does nothing. */
  close(): Promise<void>;
}
