/**
 * Runs a dump through the driver as the importer, and notes what its stream held. The importer is never a member of a role
 * that was there before: what it runs reaches nothing but the scratch database. What belongs to nobody of the account is
 * loaded as whoever stands in for its owner.
 */

import { quoted } from '../../printable.ts';
import type { ImportedTable } from '../import/types.ts';
import type { StandIns } from './import-actors.ts';
import { checkLoaded } from './import-check.ts';
import { DumpEncoding, type Said } from './import-encoding.ts';
import { commentOnExtension } from './import-extensions.ts';
import { isBare, judge, type Verdict } from './import-filter.ts';
import { type GuestDoor, Guests } from './import-guests.ts';
import { hasRoles } from './import-policy.ts';
import { Rights, runIfAllowed, shortened } from './import-rights.ts';
import type { AccountRoles } from './import-roles.ts';
import { LoadedRows } from './import-rows.ts';
import { type ImportSession, refusal } from './import-session.ts';
import { type Item, ScriptSplitter } from './import-split.ts';
import { useTablespace } from './import-tablespace.ts';

export interface LoadedScript {
  readonly counted: readonly ImportedTable[];
  /** Owners that are none of the account's. */
  readonly foreignOwners: ReadonlySet<string>;
  readonly standIns: StandIns;
  /** What only a superuser can have. */
  readonly skipped: ReadonlySet<string>;
  /** What else was left out, and why. */
  readonly leftOut: ReadonlySet<string>;
  /** Materialized views that are empty, and why. */
  readonly unfilled: ReadonlySet<string>;
  readonly policiesLeftOut: ReadonlySet<string>;
  readonly missingRoles: ReadonlySet<string>;
}

export interface LoadOptions {
  readonly roles: AccountRoles;
  /** Makes the importer a member of a stand-in for each; called once nothing of the dump runs any more. */
  readonly standIns: (roles: ReadonlySet<string>) => Promise<StandIns>;
  readonly guests: GuestDoor;
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
  try {
    for await (const chunk of script) for (const item of splitter.feed(chunk)) await loading.take(item);
    for (const item of splitter.end()) await loading.take(item);
    return await loading.end();
  } finally {
    await loading.close();
  }
}

/** Not run, not run yet, or nothing that the dump has written. */
const leavesBare: ReadonlySet<Verdict['type']> = new Set([
  'extension',
  'skip',
  'owner',
  'last',
  'extension-comment',
  'grant',
  'defaults',
] as const);

class Loading {
  readonly #session: ImportSession;
  readonly #options: LoadOptions;
  readonly #encoding: DumpEncoding;
  readonly #rows: LoadedRows;
  readonly #rights: Rights;
  readonly #guests: Guests;
  readonly #last: Said[] = [];
  readonly #foreignOwners = new Set<string>();
  readonly #skipped = new Set<string>();
  readonly #leftOut = new Set<string>();
  /** Foreign keys that were left out. */
  readonly #keysLeftOut = new Set<string>();
  readonly #policiesLeftOut = new Set<string>();
  readonly #unfilled = new Set<string>();
  /** Nothing is there yet that the dump has made, but for schemas. */
  #bare = true;
  /** Between BEGIN and COMMIT. */
  #inTransaction = false;

  constructor(session: ImportSession, options: LoadOptions) {
    this.#session = session;
    this.#options = options;
    this.#encoding = new DumpEncoding(session);
    this.#rights = new Rights(options.roles);
    this.#guests = new Guests(session, options.guests);
    this.#rows = new LoadedRows(session, options.tables, (table) => this.#sessionOf(table));
  }

  async take(item: Item): Promise<void> {
    if (item.type === 'rows') await this.#rows.write(item);
    else if (item.type === 'rows-end') await this.#rows.end();
    else {
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
    await this.#guests.set("SET client_encoding TO 'UTF8'");
    const sessionOf = (table: string): Promise<ImportSession> => this.#guests.sessionOf(table);
    const counted = await this.#encoding.ours(() =>
      checkLoaded(session, this.#rows.counted, { wanted: tables, sessionOf }),
    );
    await this.#guests.close();
    for (const statement of this.#last) await session.run(statement);
    const standIns = await this.#encoding.ours(() => this.#rights.apply(session, this.#options.standIns));
    return {
      counted,
      standIns,
      foreignOwners: this.#foreignOwners,
      skipped: this.#skipped,
      leftOut: new Set([...this.#rows.leftOut, ...this.#leftOut, ...this.#rights.leftOut]),
      unfilled: this.#unfilled,
      policiesLeftOut: this.#policiesLeftOut,
      missingRoles: this.#rights.missing,
    };
  }

  async close(): Promise<void> {
    await this.#guests.close();
  }

  async #run(said: Said, verdict: Verdict): Promise<void> {
    const { tables, extension } = this.#options;
    switch (verdict.type) {
      case 'encoding':
        return await this.#guests.set(await this.#encoding.set(verdict.name));
      case 'skip':
        if (verdict.what !== null) this.#skipped.add(verdict.what);
        return;
      case 'last':
        this.#last.push(said);
        return;
      case 'policy':
        if (hasRoles(verdict, this.#options.roles.existing)) this.#last.push(said);
        else this.#policiesLeftOut.add(verdict.key);
        return;
      case 'policy-comment':
        if (!this.#policiesLeftOut.has(verdict.key)) this.#last.push(said);
        return;
      case 'refresh': {
        const why = await refusal(this.#session, said);
        if (why !== null) this.#unfilled.add(`${quoted(verdict.view)} (${why})`);
        return;
      }
      case 'extension-comment':
        if (!(await commentOnExtension(this.#session, said, verdict)))
          this.#leftOut.add(shortened(said.text));
        return;
      case 'owner':
        return await this.#own(said.text, verdict);
      case 'extension':
        this.#rows.forget();
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
        if (!(await useTablespace(this.#session, verdict.name)))
          this.#leftOut.add(`tablespace ${quoted(verdict.name)}, in which the account may make nothing`);
        return;
      case 'foreign-key':
        // With the rows of some tables only, most keys would lead nowhere.
        if (tables !== null) this.#keysLeftOut.add(verdict.key);
        else {
          await this.#endTransaction(verdict.table);
          await this.#endTransaction(verdict.target);
          await this.#guests.addKey(said, verdict);
        }
        return;
      case 'alter-table':
        return await (await this.#sessionOf(verdict.table)).run(said);
      case 'setting':
        await this.#session.run(said);
        return await this.#guests.set(said);
      case 'transaction':
        this.#inTransaction = verdict.begins;
        return await this.#session.run(said);
      case 'constraint-comment':
        if (!this.#keysLeftOut.has(verdict.key)) await this.#session.run(said);
        return;
      case 'copy':
        return await this.#rows.begin(said, verdict.table);
      case 'insert':
        return await this.#rows.insert(said, verdict);
      default:
        if (verdict.type === 'table') this.#rows.made(verdict.table);
        await this.#session.run(said);
    }
  }

  async #own(text: string, statement: Extract<Verdict, { readonly type: 'owner' }>): Promise<void> {
    const { all, superusers } = this.#options.roles;
    const role = statement.role.value;
    const isForeign = !all.has(role) && role !== 'pg_database_owner';
    if (isForeign) this.#foreignOwners.add(role);
    // A superuser's code may do anything on this server already.
    if (isForeign && !statement.ofSchema && !superusers.has(role)) await this.#guests.own(text, statement);
    else this.#rights.owner(text, statement);
  }

  async #sessionOf(table: string): Promise<ImportSession> {
    await this.#endTransaction(table);
    return await this.#guests.sessionOf(table);
  }

  /** Another session would wait for its end. */
  async #endTransaction(table: string): Promise<void> {
    if (!this.#inTransaction || !this.#guests.has(table)) return;
    await this.#session.run('COMMIT');
    this.#inTransaction = false;
  }
}
