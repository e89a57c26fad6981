/**
 * The panel contract: which accounts there are, and what belongs to each.
 *
 * A panel adapter reads; it changes nothing on the panel but through `afterRestore`. Text it returns
 * (names, domains, metadata) is controlled by strangers: core escapes it wherever it is shown.
 *
 * Units: instants are milliseconds since the Unix epoch (UTC). Paths are absolute, without `..`.
 * Errors: PANEL_UNREADABLE where the panel as a whole cannot be read. One broken account never hides
 * the others: it is listed with `problem` set.
 */

import type { CallOptions } from './store.ts';

export const panelContract = 1;

/** A named root that is captured with full fidelity. */
export interface Tree {
  /** First component of every path inside a snapshot, e.g. `shadow`. `[a-z][a-z0-9-]*`. */
  readonly name: string;
  readonly path: string;
  /**
   * Paths relative to the root whose contents are left out; the directory's own entry stays.
   * `*` and `?` match inside one component, nothing matches a slash.
   */
  readonly exclude: readonly string[];
  /** Where given: only what matches one of these patterns (same grammar), and what lies below it. */
  readonly include?: readonly string[];
}

/** How to recognise an account's databases on one kind of engine. */
export interface DatabaseSelector {
  /** `mysql` covers MariaDB as well. */
  readonly family: 'mysql' | 'postgresql';
  /** Literal prefix of database and user names, e.g. `exa_`. `_` is no wildcard. */
  readonly prefix: string | null;
  /** The account's database administrator: databases it owns or is granted belong to the account. */
  readonly admin: string | null;
  /** Names given outright, where a panel lists them. */
  readonly names: readonly string[];
  /** Filled in from all accounts, whatever a panel says. Absent where no other account has databases of this family. */
  readonly others?: OtherNames;
  /** Where the panel keeps dumps of these databases and offers them for a restore; absent where it does not. */
  readonly dumps?: PanelDumps;
}

/** The longest prefix wins: what begins with one of these is no part of the account, nor are these users. */
export interface OtherNames {
  /** Of other accounts; these begin with `prefix` too. */
  readonly prefixes: readonly string[];
  readonly admins: readonly string[];
  /** Of all accounts, this one among them; sorted, each once, and the same list for all. */
  readonly all?: { readonly prefixes: readonly string[]; readonly admins: readonly string[] };
}

/** Dumps are called `<database>-<YYYYMMDDHHMMSS>.sql`, or `.sql.gz`, and belong to the account's owner. */
export interface PanelDumps {
  /** Name of the tree, e.g. `shadow`. */
  readonly tree: string;
  /** Below the tree's root. */
  readonly path: string;
  /** How many of each database stay. */
  readonly keep: number;
}

export type AccountState = 'active' | 'suspended' | 'editing';

export interface Account {
  /**
   * The panel's own handle, e.g. `site12`; `_system` for files that belong to no account. May be re-used. Never ends in
   * `.databases`: so are the snapshots called that hold nothing but an account's databases.
   */
  readonly site: string;
  /** Directory that carries the account's UUID as an xattr; null where there is none. */
  readonly home: string | null;
  readonly domain: string | null;
  readonly aliases: readonly string[];
  readonly plan: string | null;
  readonly state: AccountState;
  /** Why the account cannot be described fully, or null. Such an account is still backed up. */
  readonly problem: string | null;
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  readonly trees: readonly Tree[];
  readonly databases: readonly DatabaseSelector[];
  /** The panel's description of the account, kept in the manifest's body. Plain JSON. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/**
 * Where a panel may keep what spares it work the next time. Losing it costs time and nothing else; it may be
 * damaged, or have been written by another version. The directory is private to root.
 */
export interface PanelCache {
  /** Of a file that is the panel's alone. Several processes may read and write it at once. */
  readonly path: string;
  readonly nowMs: number;
}

export interface Panel {
  readonly name: string;

  /**
   * Every account, `_system` last where the panel has system files, the others by natural order of site. What
   * the panel says now, whatever is in the cache. Where `brief`, `metadata` may be empty.
   */
  accounts(
    options: CallOptions & { readonly cache?: PanelCache; readonly brief?: boolean },
  ): Promise<readonly Account[]>;

  /**
   * Where a restore in place must write so that the panel's file system layers stay right: a mounted
   * path for the tree, or the tree's own path. Null where writing is not safe, with the reason.
   */
  writablePath(
    request: { readonly account: Account; readonly tree: string } & CallOptions,
  ): Promise<{ readonly path: string } | { readonly path: null; readonly reason: string }>;

  /**
   * How many dumps of a database the panel keeps among the account's own, where that is set for each; null: as
   * `PanelDumps.keep` says. Never rejects.
   */
  keptDumps?(
    request: { readonly account: Account; readonly database: string } & CallOptions,
  ): Promise<number | null>;

  /** Remounts, refreshes or touches what the panel caches. Safe to repeat. */
  afterRestore(
    request: { readonly account: Account; readonly trees: readonly string[] } & CallOptions,
  ): Promise<void>;
}
