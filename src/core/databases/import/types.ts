/**
 * What an engine can do to bring a database back: load a dump into a scratch database with few rights,
 * check it, and exchange it with the live one.
 *
 * Everything a killed import needs is in its record, which the caller keeps on disk before each call that
 * changes more than the scratch database. All methods may be repeated after a kill.
 *
 * A connection that is lost in the middle is DATABASE_UNREACHABLE from any method, never an error of the driver.
 */

import type { DatabaseFamily, DatabaseWarning } from '../../contracts/database.ts';
import type { DatabaseSelector } from '../../contracts/panel.ts';

/** Plain JSON. */
export interface ImportRecord {
  readonly version: 1;
  readonly id: string;
  readonly instance: string;
  readonly family: DatabaseFamily;
  /** UUID of the account, and its site at that time. */
  readonly owner: string;
  readonly site: string;
  readonly selector: DatabaseSelector;
  /** The name that the database has in the end. */
  readonly database: string;
  /** The live database whose place and grants count: the one replaced, or that of the dump. */
  readonly origin: string;
  readonly scratch: string;
  /** Where the replaced one is kept; null where nothing is replaced. */
  readonly kept: string | null;
  /** Null: the whole database. */
  readonly tables: readonly string[] | null;
  /** The temporary user or role that loads the dump. */
  readonly importer: { readonly user: string; readonly password: string | null };
  /** `kept`: the exchange is over, and the replaced one waits to be brought back or dropped. */
  readonly phase: 'loading' | 'swapping' | 'kept';
  readonly startedAtMs: number;
  readonly keptUntilMs: number | null;
  /** What the engine noted of the new and of the replaced database. */
  readonly incoming: unknown;
  readonly outgoing: unknown;
  /**
   * The record of the kept database that this exchange brings back; its `kept` is the `scratch` here. Where the
   * exchange does not come to pass, this one takes the place of the record again.
   */
  readonly reverses?: ImportRecord | null;
}

/** What a dump's own stream promised. */
export interface ImportedTable {
  readonly name: string;
  readonly rows: number;
}

export interface LoadReport {
  readonly tables: readonly ImportedTable[];
  readonly warnings: readonly DatabaseWarning[];
  /** The engine's notes for `prepare`. */
  readonly notes: unknown;
}

export interface PreparedImport {
  readonly record: ImportRecord;
  readonly warnings: readonly DatabaseWarning[];
}

export interface LoadContext {
  readonly signal: AbortSignal;
  /** Name of the database inside the dump; null where only the dump knows. */
  readonly source: string | null;
  readonly format: 'sql' | 'pgdump';
  /** Called before a setting of the server is changed for a moment. Null: another import is at it and does not end. */
  readonly lockServer: () => Promise<{ release(): void } | null>;
}

/** Called after each step that is done; a kill there must cost nothing. */
export type StepListener = (step: string) => void;

export interface DatabaseImporter {
  readonly family: DatabaseFamily;
  readonly instance: string;
  /** Milliseconds without progress after which the server is asked whether it is still there. */
  readonly stallMs: number;

  /** Names of all databases of the server. @throws DATABASE_UNREACHABLE */
  databases(signal: AbortSignal): Promise<ReadonlySet<string>>;

  /**
   * Makes the scratch database and the importer, loads the dump with the importer's rights, compares
   * tables and rows with what the dump's stream held, and removes the importer.
   *
   * @throws IMPORT_REFUSED the dump holds what an import may not do
   * @throws IMPORT_FAILED the server refused a statement, or what arrived is not what the dump held
   */
  load(record: ImportRecord, dump: AsyncIterable<Uint8Array>, context: LoadContext): Promise<LoadReport>;

  /** Notes what the exchange needs. Changes nothing that is live. @throws IMPORT_REFUSED */
  prepare(record: ImportRecord, notes: unknown, signal: AbortSignal): Promise<PreparedImport>;

  /**
   * Exchanges, from wherever a killed one stopped. Once the new one is in place, an object that the server refuses is
   * told in a warning and left out, since nothing could be undone any more.
   *
   * @throws IMPORT_FAILED
   */
  swap(record: ImportRecord, onStep: StepListener, signal: AbortSignal): Promise<readonly DatabaseWarning[]>;

  /** Whether the new one is in place already, however unfinished. */
  isSwapped(record: ImportRecord, signal: AbortSignal): Promise<boolean>;

  /**
   * Undoes an import that is not in place: the live one is as it was, scratch and importer are gone. A kept database
   * is never dropped: that of a reversal stays. Objects of the live one that cannot be made again are warnings.
   *
   * @throws IMPORT_FAILED the live one is in use so that something of it cannot be put back yet
   */
  abandon(record: ImportRecord, signal: AbortSignal): Promise<readonly DatabaseWarning[]>;

  /**
   * The exchange that brings the kept one back and keeps the present one under a name made of `id`. Where somebody has
   * dropped that meanwhile, nothing is kept.
   *
   * @throws IMPORT_REFUSED single tables are kept, and the database around them is gone
   */
  reverse(record: ImportRecord, id: string, signal: AbortSignal): Promise<ImportRecord>;

  /** Drops what was kept. A kept one that is gone is a success. */
  dropKept(record: ImportRecord, signal: AbortSignal): Promise<void>;
}
