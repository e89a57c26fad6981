/**
 * Looks at a database before it is dumped: what has to be locked, what would make the client fail, and
 * what lies outside the transaction of the dump.
 */

import type { BesideText, DatabaseRemark, DatabaseWarning } from '../../contracts/database.ts';
import type { DatabaseSelector } from '../../contracts/panel.ts';
import { printable, quoted } from '../../printable.ts';
import { findColumnLosses } from './column-losses.ts';
import { findHistoryByTransaction } from './history.ts';
import { findDefiners } from './losses.ts';
import { quoteName } from './names.ts';
import { Patience } from './patience.ts';
import { type Grant, hasPrivilege, missingPrivileges } from './privileges.ts';
import { errorNumber, type Session, text } from './session.ts';

export interface DumpPlan {
  readonly database: string;
  /** Names of tables that the barrier locks. */
  readonly tables: readonly string[];
  /** Tables whose engine has no transactions: they are locked for a dump of their own, which comes first. */
  readonly outside: readonly string[];
  /** What is said of those where they cannot be locked; null where there are none. */
  readonly outsideWarning: DatabaseWarning | null;
  /** Names of views that cannot be dumped. */
  readonly brokenViews: readonly string[];
  /** Holds tables that keep their own history. */
  readonly hasHistory: boolean;
  /** One of those whose history goes by transactions; null where there is none. */
  readonly historyByTransaction: string | null;
  readonly warnings: readonly DatabaseWarning[];
  /** What the dump has, and an import may not keep. */
  readonly notes: readonly DatabaseRemark[];
  readonly besides: readonly BesideText[];
  /** Why a dump would be short, as the end of a sentence; null where nothing speaks against it. */
  readonly refusal: string | null;
}

export interface InspectRequest {
  /** Of the user of the session. */
  readonly grants: readonly Grant[];
  readonly selector: DatabaseSelector;
  /** Of the whole account, for opening views. */
  readonly views: Patience;
  /** The same for other questions. */
  readonly others: Patience;
}

/** Of an account whose databases are inspected. */
export const patienceOf = (now: () => number): Pick<InspectRequest, 'views' | 'others'> => ({
  views: new Patience({ eachSeconds: 5, allMs: 60_000, now }),
  others: new Patience({ eachSeconds: 60, allMs: 120_000, now }),
});

/** Engines whose tables a consistent snapshot covers. Sequences and views have none. */
const transactional: ReadonlySet<string> = new Set([
  'innodb',
  'rocksdb',
  'tokudb',
  'ndbcluster',
  'partition',
]);

interface Table {
  readonly name: string;
  readonly type: string;
  readonly engine: string;
}

export async function inspectDatabase(
  session: Session,
  database: string,
  { grants, selector, views: patience, others }: InspectRequest,
): Promise<DumpPlan> {
  const tables = await listTables(session, database);
  if (tables.length === 0 && !(await exists(session, database))) {
    return refusedPlan(database, 'there is no such database');
  }
  const base = tables.filter(({ type }) => type === 'BASE TABLE' || type === 'SYSTEM VERSIONED');
  const versioned = base.filter(({ type }) => type === 'SYSTEM VERSIONED').map(({ name }) => name);
  const views = tables.filter(({ type }) => type === 'VIEW').map(({ name }) => name);
  const broken = await findBrokenViews(session, database, views, patience);
  const outside = base.filter(({ engine }) => engine !== '' && !transactional.has(engine.toLowerCase()));
  const missing = missingPrivileges(grants, database);
  const locksOutside = outside.length > 0 && hasPrivilege(grants, 'LOCK TABLES', database);
  const locked = new Set(locksOutside ? outside : []);
  return {
    database,
    tables: base.filter((table) => !locked.has(table)).map(({ name }) => name),
    outside: [...locked].map(({ name }) => name).sort(),
    outsideWarning: outside.length === 0 ? null : describeOutside(database, outside),
    brokenViews: broken.map(({ name }) => name),
    hasHistory: versioned.length > 0,
    historyByTransaction: await findHistoryByTransaction(session, database, versioned, others),
    warnings: [
      ...broken.map(({ name, why }) => ({
        code: 'view-broken',
        database,
        message: `view ${quoted(name)} cannot be dumped and is kept as text beside the export: ${printable(why)}`,
      })),
      ...(await findColumnLosses(session, database, others)),
    ],
    notes: await findDefiners(session, database, { selector, hasViews: views.length > 0 }),
    besides: broken.length === 0 ? [] : [brokenViewText(broken)],
    refusal:
      missing.length === 0
        ? leftOutWith(broken, tables)
        : `the configured user lacks ${missing.join(', ')}, so the dump would be short`,
  };
}

/** The client is told by its name what to leave out, and compares without regard to case and accents. */
const asClient = new Intl.Collator('en', { sensitivity: 'base' });

/** Why leaving the broken views out would leave out something else; null where it would not. */
function leftOutWith(broken: readonly BrokenView[], tables: readonly Table[]): string | null {
  for (const view of broken) {
    const other = tables.find(({ name }) => name !== view.name && asClient.compare(name, view.name) === 0);
    if (other === undefined) continue;
    return `view ${quoted(view.name)} is broken, and the client would leave out ${quoted(other.name)} with it: drop the view, or mend it`;
  }
  return null;
}

export function refusedPlan(database: string, refusal: string): DumpPlan {
  const nothing = {
    tables: [],
    outside: [],
    outsideWarning: null,
    brokenViews: [],
    warnings: [],
    notes: [],
    besides: [],
  };
  return { database, ...nothing, hasHistory: false, historyByTransaction: null, refusal };
}

/** By the exact name: the server compares without regard to case. */
async function exists(session: Session, database: string): Promise<boolean> {
  const sql = 'SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?';
  return (await session.rows(sql, [database])).some(([name]) => text(name) === database);
}

async function listTables(session: Session, database: string): Promise<readonly Table[]> {
  // No column that makes the server open each table: a thousand databases are asked in seconds.
  const rows = await session.rows(
    'SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?',
    [database],
  );
  return rows
    .filter(([schema]) => text(schema) === database)
    .map(([, name, type, engine]) => ({ name: text(name), type: text(type), engine: text(engine) }));
}

interface BrokenView {
  readonly name: string;
  readonly why: string;
  readonly statement: string;
}

/** Asks for each view what the dump client asks; what fails here would end the dump. */
async function findBrokenViews(
  session: Session,
  database: string,
  views: readonly string[],
  patience: Patience,
): Promise<readonly BrokenView[]> {
  const broken: BrokenView[] = [];
  for (const name of views) {
    const path = `${quoteName(database)}.${quoteName(name)}`;
    try {
      const opened =
        (await patience.rows(session, `SHOW CREATE TABLE ${path}`)) !== null &&
        (await patience.rows(session, `SHOW FIELDS FROM ${path}`)) !== null;
      if (opened) continue;
      const why = 'it takes the server too long, or too much memory, to open it';
      broken.push({ name, why, statement: await viewBody(session, database, name) });
    } catch (error) {
      if (errorNumber(error) === undefined) throw error;
      const why = (error as Error).message;
      broken.push({ name, why, statement: await viewStatement(session, database, name) });
    }
  }
  return broken;
}

async function viewStatement(session: Session, database: string, name: string): Promise<string> {
  try {
    const [row] = await session.rows(`SHOW CREATE VIEW ${quoteName(database)}.${quoteName(name)}`);
    if (row !== undefined) return text(row[1]);
  } catch (error) {
    if (errorNumber(error) === undefined) throw error;
  }
  return await viewBody(session, database, name);
}

/** Without opening the view. */
export async function viewBody(session: Session, database: string, name: string): Promise<string> {
  const rows = await session.rows(
    'SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?',
    [database, name],
  );
  const body = text(rows.find(([view]) => text(view) === name)?.[1]);
  return `CREATE VIEW ${quoteName(name)} AS ${body}`;
}

function brokenViewText(broken: readonly BrokenView[]): BesideText {
  const statements = broken.map(({ statement, why }) => `-- ${printable(why)}\n${statement};\n`);
  return { suffix: 'broken-views.sql', text: statements.join('\n') };
}

function describeOutside(database: string, outside: readonly Table[]): DatabaseWarning {
  const shown = outside.slice(0, 20).map(({ name, engine }) => `${quoted(name)} (${printable(engine)})`);
  const more = outside.length > shown.length ? ` and ${outside.length - shown.length} more` : '';
  return {
    code: 'table-not-transactional',
    database,
    message: `tables outside the instant of the export, since their engine has no transactions: ${shown.join(', ')}${more}`,
  };
}
