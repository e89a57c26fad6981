/**
 * Runs a dump through the driver as the importer, and notes what its stream held. The importer is never a member of a role
 * that was there before: what it runs reaches nothing but the scratch database.
 */

import { quoted } from '../../printable.ts';
import type { ImportedTable } from '../import/types.ts';
import type { StandIns } from './import-actors.ts';
import { checkLoaded } from './import-check.ts';
import { DumpEncoding, type Said } from './import-encoding.ts';
import { isBare, judge, type Verdict } from './import-filter.ts';
import { Rights, runIfAllowed, shortened } from './import-rights.ts';
import type { AccountRoles } from './import-roles.ts';
import { ExtensionTables, isWanted, noSink, openSink, type Sink } from './import-rows.ts';
import type { ImportSession } from './import-session.ts';
import { type Item, ScriptSplitter } from './import-split.ts';
import { quoteText } from './names.ts';

export interface LoadedScript {
  readonly counted: readonly ImportedTable[];
  /** Owners that are none of the account's. */
  readonly foreignOwners: ReadonlySet<string>;
  readonly standIns: StandIns;
  /** What only a superuser can have. */
  readonly skipped: ReadonlySet<string>;
  /** What else was left out, and why. */
  readonly leftOut: ReadonlySet<string>;
  readonly missingRoles: ReadonlySet<string>;
}

export interface LoadOptions {
  readonly roles: AccountRoles;
  /** Makes the importer a member of a stand-in for each; called once nothing of the dump runs any more. */
  readonly standIns: (roles: ReadonlySet<string>) => Promise<StandIns>;
  /** Null: rows of all tables. */
  readonly tables: readonly string[] | null;
  /** As the administrator, where the importer may not and nothing but schemas is there. */
  readonly extension: (extension: {
    readonly name: string;
    readonly schema: string | null;
    readonly bare: boolean;
  }) => Promise<void>;
}

/**
 * Everything is done in the importer's session, owners and the count of rows as well.
 *
 * @throws IMPORT_REFUSED, IMPORT_FAILED, DATABASE_UNREACHABLE; PATH_NOT_FOUND a wanted table is not in it
 */
export async function loadScript(
  session: ImportSession,
  script: AsyncIterable<Uint8Array>,
  options: LoadOptions,
): Promise<LoadedScript> {
  const splitter = new ScriptSplitter();
  const loading = new Loading(session, options);
  for await (const chunk of script) for (const item of splitter.feed(chunk)) await loading.take(item);
  for (const item of splitter.end()) await loading.take(item);
  return await loading.end();
}

/** Not run, not run yet, or nothing that the dump has written. */
const leavesBare: ReadonlySet<Verdict['type']> = new Set([
  'extension',
  'skip',
  'owner',
  'last',
  'grant',
  'defaults',
] as const);

interface Copying {
  readonly table: string;
  readonly sink: Sink;
  /** What becomes of the rows. */
  readonly as: 'counted' | 'passed-over' | 'left-out' | 'uncounted';
  rows: number;
}

class Loading {
  readonly #session: ImportSession;
  readonly #options: LoadOptions;
  readonly #encoding: DumpEncoding;
  readonly #ofExtensions: ExtensionTables;
  readonly #tables = new Map<string, number>();
  readonly #rights: Rights;
  readonly #last: Said[] = [];
  readonly #skipped = new Set<string>();
  readonly #leftOut = new Set<string>();
  /** Foreign keys that were left out. */
  readonly #keysLeftOut = new Set<string>();
  /** Nothing is there yet that the dump has made, but for schemas. */
  #bare = true;
  #copy: Copying | null = null;

  constructor(session: ImportSession, options: LoadOptions) {
    this.#session = session;
    this.#options = options;
    this.#encoding = new DumpEncoding(session);
    this.#ofExtensions = new ExtensionTables(session);
    this.#rights = new Rights(options.roles);
  }

  async take(item: Item): Promise<void> {
    if (item.type === 'rows') {
      await this.#copy?.sink.write(item.bytes);
      if (this.#copy !== null) this.#copy.rows += item.rows;
    } else if (item.type === 'rows-end') {
      await this.#copy?.sink.end();
      if (this.#copy !== null) this.#noteRows(this.#copy);
      this.#copy = null;
    } else {
      const said = await this.#encoding.read(item.bytes, item.line);
      const verdict = judge(said.text, item.line);
      await this.#run(said, verdict);
      if (!leavesBare.has(verdict.type) && !isBare(said.text)) this.#bare = false;
    }
  }

  async end(): Promise<LoadedScript> {
    const [session, { tables }] = [this.#session, this.#options];
    // What a dump leaves open, the end of the session would take back.
    await session.run('COMMIT');
    await session.run('ANALYZE');
    const counted = await this.#encoding.ours(() => checkLoaded(session, this.#tables, tables));
    for (const statement of this.#last) await session.run(statement);
    const standIns = await this.#encoding.ours(() => this.#rights.apply(session, this.#options.standIns));
    return {
      counted,
      standIns,
      foreignOwners: this.#rights.foreignOwners,
      skipped: this.#skipped,
      leftOut: new Set([...this.#leftOut, ...this.#rights.leftOut]),
      missingRoles: this.#rights.missing,
    };
  }

  async #run(said: Said, verdict: Verdict): Promise<void> {
    const { tables, extension } = this.#options;
    switch (verdict.type) {
      case 'encoding':
        return await this.#encoding.set(verdict.name);
      case 'skip':
        if (verdict.what !== null) this.#skipped.add(verdict.what);
        return;
      case 'last':
        this.#last.push(said);
        return;
      case 'owner':
        this.#rights.owner(said.text, verdict);
        return;
      case 'extension':
        this.#ofExtensions.forget();
        return await extension({ name: verdict.name, schema: verdict.schema, bare: this.#bare });
      case 'defaults':
        this.#rights.defaults(said.text, verdict.of, verdict.roles);
        return;
      case 'grant':
        this.#rights.grant(said.text, verdict.roles);
        return;
      case 'sequence':
        if (!(await runIfAllowed(this.#session, said))) this.#leftOut.add(shortened(said.text));
        return;
      case 'tablespace':
        return await this.#setTablespace(verdict.name);
      case 'foreign-key':
        // With the rows of some tables only, most keys would lead nowhere.
        if (tables === null) await this.#session.run(said);
        else this.#keysLeftOut.add(verdict.key);
        return;
      case 'constraint-comment':
        if (!this.#keysLeftOut.has(verdict.key)) await this.#session.run(said);
        return;
      case 'copy':
        this.#copy = await this.#begin(said, verdict.table);
        return;
      case 'insert': {
        const fate = await this.#fateOf(verdict.table);
        if (fate === 'counted' || fate === 'uncounted') await this.#session.run(said);
        this.#noteRows({ table: verdict.table, as: fate, rows: verdict.rows });
        return;
      }
      default:
        if (verdict.type === 'table') this.#count(verdict.table, 0);
        await this.#session.run(said);
    }
  }

  async #begin(said: Said, table: string): Promise<Copying> {
    const as = await this.#fateOf(table);
    const isSent = as === 'counted' || as === 'uncounted';
    return { table, as, rows: 0, sink: isSent ? await openSink(this.#session, said) : noSink };
  }

  async #fateOf(table: string): Promise<Copying['as']> {
    if (!isWanted(table, this.#options.tables)) return 'passed-over';
    const right = await this.#ofExtensions.rightOn(table);
    return right === 'none' ? 'counted' : right === 'may' ? 'uncounted' : 'left-out';
  }

  #noteRows({ table, as, rows }: Pick<Copying, 'table' | 'as' | 'rows'>): void {
    if (as === 'counted') this.#count(table, rows);
    else if (as === 'passed-over' && this.#tables.has(table)) this.#count(table, 0);
    else if (as === 'left-out' && rows > 0) {
      this.#leftOut.add(`rows of ${quoted(table)}, which an extension has made`);
    }
  }

  #count(table: string, rows: number): void {
    this.#tables.set(table, (this.#tables.get(table) ?? 0) + rows);
  }

  /** That of the database where the account may make nothing in the one that the dump says. */
  async #setTablespace(name: string): Promise<void> {
    const [row] = await this.#session.rows(
      `SELECT pg_catalog.bool_or(pg_catalog.has_tablespace_privilege(oid, 'CREATE')) AS may FROM pg_catalog.pg_tablespace WHERE spcname = $1`,
      [name],
    );
    const may = name === '' || row?.['may'] === true;
    if (!may) this.#leftOut.add(`tablespace ${quoted(name)}, in which the account may make nothing`);
    await this.#session.run(`SET default_tablespace = ${quoteText(may ? name : '')}`);
  }
}
