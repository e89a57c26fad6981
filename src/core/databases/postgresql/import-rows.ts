/**
 * Rows of a dump on their way into their tables. Those of an extension's own tables go in where its script lets
 * everybody write, and are left out else: what administrators run reads its settings there.
 */

import { once } from 'node:events';
import type { Said } from './import-encoding.ts';
import type { ImportSession } from './import-session.ts';

export interface Sink {
  write(bytes: Buffer): Promise<void>;
  end(): Promise<void>;
}

export const noSink: Sink = { async write() {}, async end() {} };

/** Of one COPY. @throws IMPORT_FAILED, DATABASE_UNREACHABLE, from any of its methods */
export async function openSink(session: ImportSession, statement: Said): Promise<Sink> {
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
export function isWanted(table: string, wanted: readonly string[] | null): boolean {
  return wanted === null || wanted.includes(table) || wanted.includes(table.slice(table.indexOf('.') + 1));
}

/** Tables that extensions have made, and whether the importer may write into them. */
export class ExtensionTables {
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
