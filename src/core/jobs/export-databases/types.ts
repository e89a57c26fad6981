/** What an export of databases is asked for, where it goes, and how each database ended. */

import type {
  Consistency,
  DatabaseEngine,
  DatabaseFamily,
  DatabaseWarning,
} from '../../contracts/database.ts';
import type { Account } from '../../contracts/panel.ts';
import type { HoldfastError } from '../../errors.ts';
import type { Compression } from './compress.ts';

/** Empty lists ask for everything. Names may hold `*` and `?`, and stand alone or as `<instance>/<name>`. */
export interface DatabaseFilter {
  readonly databases: readonly string[];
  readonly exclude: readonly string[];
  /** Names of instances, engines or families. */
  readonly engines: readonly string[];
}

/** One database of one account. */
export interface ChosenDatabase {
  readonly account: Account;
  readonly engine: DatabaseEngine;
  readonly name: string;
  readonly estimatedBytes: number;
}

/** An open directory, and how files in it are called and owned. */
export interface ExportPlace {
  /** Descriptor. Whoever opened the place closes it. */
  readonly directory: number;
  /** For people. */
  readonly path: string;
  /** Bytes are written with these rights, so that the account's quota counts; null: with our own. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  /** Without the ending for format and compression. */
  baseName(database: string, atMs: number): string;
  /** Grants, and texts of views that cannot be dumped. */
  readonly keepsBesides: boolean;
  /** Removes what the new dump, a durable file called `name`, supersedes. Rejects never. */
  afterwards(database: string, name: string): Promise<void>;
  close(): void;
}

/** What a place takes and gives back, before anything is written. */
export interface PlaceSizes {
  /** Exists, on the file system that the files will lie on. */
  readonly path: string;
  /**
   * Bytes of the database's last export (null: there is none), and of what the new one supersedes.
   *
   * @param format the part of the name before that of the compression
   */
  sizesOf(
    database: string,
    format: 'sql' | 'pgdump',
  ): Promise<{ readonly last: number | null; readonly superseded: number }>;
}

export interface ExportTarget {
  readonly compression: Compression;
  /** Whether dumps of this family have a place here. */
  takes(account: Account, family: DatabaseFamily): boolean;
  /** Makes nothing. Null where there is no place, which `open` will say. */
  look(account: Account, engine: DatabaseEngine, signal: AbortSignal): Promise<PlaceSizes | null>;
  /** @throws TARGET_UNWRITABLE */
  open(account: Account, engine: DatabaseEngine, signal: AbortSignal): Promise<ExportPlace>;
}

interface Outcome {
  readonly account: Account;
  readonly instance: string;
  readonly engine: string;
  /** Null where not even their names could be read. */
  readonly database: string | null;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly warnings: readonly DatabaseWarning[];
  /** What the export has whole and an import may not give back. */
  readonly notes: readonly DatabaseWarning[];
}

export interface ExportedDatabase extends Outcome {
  readonly error: null;
  readonly path: string;
  readonly plainBytes: number;
  readonly storedBytes: number;
  readonly instantMs: number;
  readonly consistency: Consistency;
  readonly lockHeldMs: number;
  readonly lockedTables: readonly string[];
  /** What the client printed on standard error although it ended well; safe to print. */
  readonly said: string | null;
}

export interface FailedDatabase extends Outcome {
  readonly error: HoldfastError;
}

export type DatabaseOutcome = ExportedDatabase | FailedDatabase;

export type ExportEvent =
  /** All that will be exported is known. */
  | { readonly type: 'chosen'; readonly databases: number; readonly estimatedBytes: number }
  /** Plain bytes since the last event. */
  | { readonly type: 'bytes'; readonly bytes: number }
  | { readonly type: 'ended'; readonly outcome: DatabaseOutcome };
