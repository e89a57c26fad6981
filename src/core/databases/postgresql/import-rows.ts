/**
 * Rows of a dump on their way into their tables. Those of an extension's own tables go in where its script lets
 * everybody write, and are left out else: what administrators run reads its settings there.
 */

import { once } from 'node:events';
import { quoted } from '../../printable.ts';
import type { Said } from './import-encoding.ts';
import type { ImportSession } from './import-session.ts';

interface Copying {
  readonly table: string;
  readonly sink: Sink;
  /** What becomes of the rows. */
  readonly as: 'counted' | 'passed-over' | 'left-out' | 'uncounted';
  rows: number;
}

type SessionOf = (table: string) => Promise<ImportSession>;

/** Each method throws IMPORT_FAILED or DATABASE_UNREACHABLE. */
export class LoadedRows {
  readonly #ofExtensions: ExtensionTables;
  readonly #wanted: readonly string[] | null;
  readonly #sessionOf: SessionOf;
  /** Rows of each table as the dump holds them. */
  readonly counted = new Map<string, number>();
  /** What was left out, and why. */
  readonly leftOut = new Set<string>();
  #copy: Copying | null = null;

  /** @param sessionOf whose rows of a table go through */
  constructor(session: ImportSession, wanted: readonly string[] | null, sessionOf: SessionOf) {
    this.#ofExtensions = new ExtensionTables(session);
    this.#wanted = wanted;
    this.#sessionOf = sessionOf;
  }

  /** After another extension was made. */
  forget(): void {
    this.#ofExtensions.forget();
  }

  made(table: string): void {
    this.#count(table, 0);
  }

  /** Of a COPY. */
  async begin(said: Said, table: string): Promise<void> {
    const as = await this.#fateOf(table);
    const isSent = as === 'counted' || as === 'uncounted';
    const sink = isSent ? await openSink(await this.#sessionOf(table), said) : noSink;
    this.#copy = { table, as, rows: 0, sink };
  }

  async write({ bytes, rows }: { readonly bytes: Buffer; readonly rows: number }): Promise<void> {
    if (this.#copy === null) return;
    await this.#copy.sink.write(bytes);
    this.#copy.rows += rows;
  }

  async end(): Promise<void> {
    if (this.#copy === null) return;
    await this.#copy.sink.end();
    this.#note(this.#copy);
    this.#copy = null;
  }

  async insert(
    said: Said,
    { table, rows }: { readonly table: string; readonly rows: number },
  ): Promise<void> {
    const as = await this.#fateOf(table);
    if (as === 'counted' || as === 'uncounted') await (await this.#sessionOf(table)).run(said);
    this.#note({ table, as, rows });
  }

  async #fateOf(table: string): Promise<Copying['as']> {
    if (!isWanted(table, this.#wanted)) return 'passed-over';
    const right = await this.#ofExtensions.rightOn(table);
    return right === 'none' ? 'counted' : right === 'may' ? 'uncounted' : 'left-out';
  }

  #note({ table, as, rows }: Pick<Copying, 'table' | 'as' | 'rows'>): void {
    if (as === 'counted') this.#count(table, rows);
    else if (as === 'passed-over' && this.counted.has(table)) this.#count(table, 0);
    else if (as === 'left-out' && rows > 0) {
      this.leftOut.add(`rows of ${quoted(table)}, which an extension has made`);
    }
  }

  #count(table: string, rows: number): void {
    this.counted.set(table, (this.counted.get(table) ?? 0) + rows);
  }
}

interface Sink {
  write(bytes: Buffer): Promise<void>;
  end(): Promise<void>;
}

const noSink: Sink = { async write() {}, async end() {} };

/** Of one COPY. @throws IMPORT_FAILED, DATABASE_UNREACHABLE, from any of its methods */
async function openSink(session: ImportSession, statement: Said): Promise<Sink> {
  const stream = await session.copyInto(statement);
  let broken: unknown;
  const failed = new Promise<never>((_, reject) =>
    stream.once('error', (error) => {
      broken = error;
      reject(error);
    }),
  );
  failed.catch(() => {});
  const asTold = (cause: unknown): never => {
    throw session.failed(cause, statement.text);
  };
  return {
    async write(bytes) {
      if (broken !== undefined) asTold(broken);
      if (!stream.write(bytes)) await Promise.race([once(stream, 'drain'), failed]).catch(asTold);
    },
    async end() {
      if (broken !== undefined) asTold(broken);
      const done = once(stream, 'finish');
      stream.end();
      await Promise.race([done, failed]).catch(asTold);
    },
  };
}

/** A table is named alone, or with its schema. */
function isWanted(table: string, wanted: readonly string[] | null): boolean {
  return wanted === null || wanted.includes(table) || wanted.includes(table.slice(table.indexOf('.') + 1));
}

/** Tables that extensions have made, and whether the importer may write into them. */
class ExtensionTables {
  readonly #session: ImportSession;
  #known: ReadonlyMap<string, boolean> | null = null;

  constructor(session: ImportSession) {
    this.#session = session;
  }

  /** After another extension was made. */
  forget(): void {
    this.#known = null;
  }

  /** `none` for a table of no extension. */
  async rightOn(table: string): Promise<'none' | 'may' | 'may-not'> {
    this.#known ??= await this.#ask();
    const may = this.#known.get(table);
    return may === undefined ? 'none' : may ? 'may' : 'may-not';
  }

  async #ask(): Promise<ReadonlyMap<string, boolean>> {
    const rows = await this.#session.rows(
      `SELECT n.nspname AS schema, c.relname AS name, pg_catalog.has_table_privilege(c.oid, 'INSERT') AS may
       FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e'`,
    );
    return new Map(rows.map((row) => [`${row['schema']}.${row['name']}`, row['may'] === true]));
  }
}
