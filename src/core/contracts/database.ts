/**
 * The database engine contract: discover, export, import, grants, on one configured server.
 *
 * Exports are logical and complete: a body that ends normally was proved complete by the engine
 * (exit status, trailer as the last line, not empty). Anything else rejects; a short export is never
 * yielded as a good one. Raw data directories are never read.
 *
 * Units: sizes are bytes, instants are milliseconds since the Unix epoch (UTC).
 * Errors: DATABASE_UNREACHABLE from any method; EXPORT_FAILED from a body.
 * Concurrency: methods may overlap; the bodies of one `ExportSet` must be read side by side.
 */

import type { ErrorCode } from '../errors.ts';
import type { DatabaseSelector } from './panel.ts';
import type { CallOptions } from './store.ts';

export const databaseContract = 1;

export type DatabaseFamily = DatabaseSelector['family'];

export interface DiscoveredDatabase {
  readonly name: string;
  /** The server's own estimate of its size. */
  readonly estimatedBytes: number;
  /** Why it belongs to the account: by prefix, by owner or grant, or by name. */
  readonly matchedBy: 'prefix' | 'owner' | 'name';
}

/** Something worth knowing about one database; ends in the manifest and in the warning band. */
export interface DatabaseWarning {
  /** Kebab-case, documented in docs/errors.md under "Warnings". */
  readonly code: string;
  readonly database: string;
  readonly message: string;
}

/** What is told when it is new, and not each night. */
export interface DatabaseRemark extends DatabaseWarning {
  /** Changes with all that it is about, where the message names only some of it; left out where that names all. */
  readonly digest?: string;
}

/** How the exports of one account relate in time. */
export type Consistency =
  /** All from one instant: read locks on the account's tables were held until each dump had begun. */
  | 'barrier'
  /** All from one instant: one dump of all of them, because the locks could not be had. */
  | 'joint'
  /** Each from an instant of its own. */
  | 'single'
  /** Made by the panel's own exporter, each from an instant of its own. */
  | 'panel';

export interface ExportRequest extends CallOptions {
  readonly databases: readonly string[];
  /** The account's selector, for its users and roles. */
  readonly selector: DatabaseSelector;
  /** One export for each database, even where they then have instants of their own. */
  readonly separate?: boolean;
  /** SQL text also where the engine has a format of its own. */
  readonly plain?: boolean;
}

/** A short text kept beside an export, e.g. grants, or the text of a view that cannot be dumped. */
export interface BesideText {
  /** File name after `<database>.`, e.g. `grants.sql`. */
  readonly suffix: string;
  readonly text: string;
}

export interface ExportResult {
  readonly warnings: readonly DatabaseWarning[];
  /**
   * What the export has whole and an import may not give back as it was. It mostly stands for years: a backup tells of
   * it when it is new, and no status comes of it otherwise.
   */
  readonly notes?: readonly DatabaseRemark[];
  readonly besides: readonly BesideText[];
  /** Tables without transactions, which were locked against writers while they were read. */
  readonly lockedTables?: readonly string[];
  /** What a client that ended well printed on standard error, in bounded length, without secrets and safe to print. */
  readonly said?: string;
}

export interface DatabaseExport {
  /** One name, or several in a joint dump. */
  readonly databases: readonly [string, ...string[]];
  readonly format: 'sql' | 'pgdump';
  /** When the transaction that this export reads from began. */
  readonly instantMs: number;
  /**
   * Read once. Ends normally only if the export is complete; rejects with EXPORT_FAILED otherwise. A piece holds
   * its bytes until the next one is asked for: whoever keeps it makes a copy.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Resolves after the body has ended normally; rejects as the body does. */
  result(): Promise<ExportResult>;
}

export interface ExportSet {
  readonly consistency: Consistency;
  /** How long writers to the account's tables were kept waiting. 0 without a barrier. */
  readonly lockHeldMs: number;
  readonly exports: readonly DatabaseExport[];
  readonly warnings: readonly DatabaseWarning[];
}

/** The least a user needs for everything but import. */
export interface ReadOnlyUserRequest extends CallOptions {
  readonly user: string;
  /** Where the user may log in from; of MariaDB and MySQL only. */
  readonly host: string;
  /** Null: the statements are only returned, and hold the word PASSWORD in its place. */
  readonly apply: { readonly password: string } | null;
}

export interface EngineCheck {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'error';
  readonly detail: string;
  /** Of an error: what an export would end with. DATABASE_UNREACHABLE where it is absent. */
  readonly code?: ErrorCode;
}

export interface DatabaseEngine {
  /** `name` of the entry in `databases` of the configuration. */
  readonly instance: string;
  /** `mariadb`, `mysql` or `postgresql`. */
  readonly engine: string;
  readonly family: DatabaseFamily;

  /** Connection, privileges, client and server versions, as `doctor` shows them. Never rejects. */
  check(options: CallOptions): Promise<readonly EngineCheck[]>;

  /** The account's databases, by name. System databases never match. */
  discover(
    request: { readonly selector: DatabaseSelector } & CallOptions,
  ): Promise<readonly DiscoveredDatabase[]>;

  /**
   * Starts the exports of one account and returns once each has its instant. Abort the signal, or
   * end an iteration early, to stop them; no client process outlives that.
   */
  exports(request: ExportRequest): Promise<ExportSet>;

  /**
   * The statements that make a read-only user for exports, in order; run as well where `apply` is given.
   * Running them again changes the password only. They never hold the password.
   */
  readOnlyUser?(request: ReadOnlyUserRequest): Promise<readonly string[]>;

  /** Releases connections. A second call does nothing. */
  close(): Promise<void>;
}
