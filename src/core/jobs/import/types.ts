/** What an import is asked and what it answers. Plain data but for the dump's bytes. */

import type { DatabaseFamily, DatabaseWarning } from '../../contracts/database.ts';
import type { DatabaseSelector } from '../../contracts/panel.ts';
import type { DatabaseImporter, ImportedTable } from '../../databases/import/types.ts';

export interface DumpSource {
  readonly family: DatabaseFamily;
  readonly format: 'sql' | 'pgdump';
  /** Name of the database inside the dump; null where only the dump itself knows. */
  readonly source: string | null;
  /** For people: the file, or the snapshot and the component. */
  readonly label: string;
  /** Plain bytes; null where that is not known before. */
  readonly totalBytes: number | null;
  /** Ends normally only where all bytes came and were the right ones. Read once for each call. */
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Where the database goes. */
export type ImportPlace =
  /** Its own name, which must be free. */
  | { readonly kind: 'new' }
  | { readonly kind: 'as'; readonly name: string }
  /** A free name like its own. */
  | { readonly kind: 'beside' }
  /** Its own name; a live one is exchanged and kept. */
  | { readonly kind: 'replace' };

export interface ImportAccount {
  readonly owner: string;
  readonly site: string;
  readonly selector: DatabaseSelector;
}

export type ImportEvent =
  | { readonly type: 'bytes'; readonly bytes: number }
  | { readonly type: 'phase'; readonly phase: 'loading' | 'swapping' }
  | { readonly type: 'step'; readonly step: string }
  /** What an import that was killed had left behind. */
  | { readonly type: 'recovered'; readonly database: string; readonly how: 'finished' | 'undone' }
  /** It cannot be ended now; only imports into the same database wait for it. */
  | { readonly type: 'unfinished'; readonly database: string; readonly message: string }
  /** Of one that was ended now: something was left out. */
  | { readonly type: 'incomplete'; readonly warning: DatabaseWarning }
  | { readonly type: 'expired'; readonly database: string; readonly kept: string }
  /** The time of a replaced one is over, and the server does not let it go. */
  | { readonly type: 'not-dropped'; readonly database: string; readonly kept: string; readonly why: string };

export interface ImportContext {
  readonly importer: DatabaseImporter;
  readonly account: ImportAccount;
  readonly stateDir: string;
  /** How long a replaced database is kept. */
  readonly keepMs: number;
  readonly now: () => number;
  /** 32 random hex digits. */
  readonly newId: () => string;
  readonly signal: AbortSignal;
  readonly onEvent: (event: ImportEvent) => void;
}

export interface ImportRequest extends ImportContext {
  readonly dump: DumpSource;
  /** The database's name in the account. */
  readonly database: string;
  readonly place: ImportPlace;
  /** Null: the whole database. */
  readonly tables: readonly string[] | null;
  readonly dryRun: boolean;
}

/** A database that an import replaced. */
export interface KeptDatabase {
  /** Of the database that holds it. */
  readonly name: string;
  /** When the import began that replaced it. */
  readonly replacedAtMs: number;
  readonly keptUntilMs: number | null;
}

export interface ImportReport {
  readonly database: string;
  readonly replaced: boolean;
  /** The database that holds the replaced one; null where none was replaced. */
  readonly kept: string | null;
  readonly keptUntilMs: number | null;
  /** What earlier imports replaced and is kept as well, newest first. */
  readonly alsoKept: readonly KeptDatabase[];
  readonly tables: readonly ImportedTable[];
  readonly warnings: readonly DatabaseWarning[];
}
