/**
 * The set-up contract: what a store can tell about its place, and mend there, beyond keeping bytes.
 *
 * Optional: a store whose definition has no `setup` is used as it is. `inspect` only reads, so `doctor`
 * asks it too; `tryOut` makes trial requests and leaves nothing behind; `apply` alone changes things, and
 * nothing that works already. Messages only, as in the store contract.
 *
 * Units: instants are milliseconds since the Unix epoch (UTC).
 * Errors: methods reject where the place cannot be reached at all (STORE_UNAVAILABLE, STORE_DENIED,
 * CONFIG_INVALID, INTERRUPTED). A refused right is a finding, not an error.
 */

import type { ErrorCode } from '../errors.ts';
import type { CallOptions } from './store.ts';

export const storeSetupContract = 1;

export interface SetupRequest extends CallOptions {
  /** UUID of this server, to which a writer's rights are limited; null before it has one. */
  readonly server: string | null;
  /** How long retention may keep a snapshot; null: without end. */
  readonly keepDays: number | null;
  /** Retention is configured, so that somebody has to remove. */
  readonly prunes: boolean;
  /** About what fulls of all accounts store; absent where this server does not know. */
  readonly fullBytes?: number;
  readonly nowMs: number;
}

export interface ProbeRequest extends SetupRequest {
  /** A UUID never used before: names trial keys, and a server that does not exist. */
  readonly probe: string;
}

/** One thing looked at, in plain words. */
export interface SetupFinding {
  readonly name: string;
  /** `note`: worth knowing. `warning`: backups work, and something should be mended. */
  readonly state: 'ok' | 'note' | 'warning' | 'error';
  readonly detail: string;
  /** What to do, as one imperative sentence. */
  readonly hint: string | null;
  /** Set exactly where `state` is `error`. */
  readonly code: ErrorCode | null;
  /** `apply` would do something about it. */
  readonly mendable: boolean;
}

export type StoreRole = 'writer' | 'reader' | 'pruner';

/** One right, tried with the configured credentials. */
export interface StoreRight {
  readonly name: string;
  /** `unknown`: could not be tried without leaving something behind, or the answer said nothing. */
  readonly allowed: 'yes' | 'no' | 'unknown';
  /** Who needs it; empty for a right that nobody should have. */
  readonly roles: readonly StoreRole[];
  readonly detail: string | null;
}

export interface TryOut {
  readonly rights: readonly StoreRight[];
  /** What follows from them for this configuration. */
  readonly findings: readonly SetupFinding[];
}

/** Least rights of one role, ready to be pasted where the service takes them. */
export interface StorePolicy {
  readonly role: StoreRole | 'first-backup';
  readonly description: string;
  readonly document: Readonly<Record<string, unknown>>;
}

export interface SetupAction {
  readonly name: string;
  /** `present`: was so before. `taken-back`: did harm, and is as it was before. */
  readonly state: 'done' | 'present' | 'taken-back' | 'failed';
  readonly detail: string;
  readonly hint: string | null;
  /** Set exactly where `state` is `failed`. */
  readonly code: ErrorCode | null;
}

export interface StoreSetup {
  /** Version of this contract it was written for. */
  readonly contract: number;

  /** Looks, and changes nothing. */
  inspect(request: SetupRequest): Promise<readonly SetupFinding[]>;

  /** Tries each right; whatever a trial makes lies below probe prefixes and is gone when it resolves. */
  tryOut(request: ProbeRequest): Promise<TryOut>;

  /** Asks nobody. Empty where the place knows no policies. */
  policies(request: SetupRequest): Promise<readonly StorePolicy[]>;

  /**
   * Creates what is missing and sets what protects backups. Keeps settings of others; safe to repeat.
   * A step that fails does not stop those that do not need it.
   */
  apply(request: ProbeRequest): Promise<readonly SetupAction[]>;

  /**
   * Removes all below a probe prefix for good: every version, marker, unfinished upload and directory.
   *
   * @throws TypeError the prefix is none of a probe
   * @throws STORE_DENIED something cannot be removed; the rest is gone
   */
  purge(request: { readonly prefix: string } & CallOptions): Promise<void>;

  /** Releases sockets. A second call does nothing. */
  close(): Promise<void>;
}
