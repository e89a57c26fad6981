/** Drives imports in tests as the command does, and tells what two servers hold apart. */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSelector } from '../../src/core/contracts/panel.ts';
import { openDatabaseImporter } from '../../src/core/databases/import/index.ts';
import { type DatabaseInstanceConfig, openDatabaseEngine } from '../../src/core/databases/index.ts';
import { dumpFile } from '../../src/core/jobs/import/dump-file.ts';
import { importDatabase, undoImport } from '../../src/core/jobs/import/import-database.ts';
import type {
  ImportContext,
  ImportEvent,
  ImportReport,
  ImportRequest,
} from '../../src/core/jobs/import/types.ts';
import { readBody } from './clients.ts';
import { type MariadbServer, mariadb } from './mariadb.ts';

export const importSignal = new AbortController().signal;
export const accountUuid = '11111111-2222-4333-8444-555555555555';

export const selectorOf = (
  family: DatabaseSelector['family'],
  prefix: string,
  admin: string,
): DatabaseSelector => ({
  family,
  prefix,
  admin,
  names: [],
});

/** The account's databases are those with its prefix. */
export async function contextOf(
  config: DatabaseInstanceConfig,
  selector: DatabaseSelector,
  stateDir: string,
  onEvent: (event: ImportEvent) => void = () => {},
  now: () => number = Date.now,
): Promise<ImportContext> {
  return {
    importer: await openDatabaseImporter(config),
    account: { owner: accountUuid, site: 'site1', selector },
    stateDir,
    keepMs: 3_600_000,
    now,
    newId: () => randomBytes(16).toString('hex'),
    signal: importSignal,
    onEvent,
  };
}

export async function runImport(
  context: ImportContext,
  file: string,
  database: string,
  options: Partial<Pick<ImportRequest, 'place' | 'tables' | 'dryRun'>> = {},
): Promise<ImportReport> {
  const dump = await dumpFile(file, importSignal);
  const names = await context.importer.databases(importSignal);
  const prefix = context.account.selector.prefix ?? '';
  const mine = new Set([...names].filter((name) => name.startsWith(prefix)));
  const request = { place: { kind: 'new' }, tables: null, dryRun: false, ...options } as const;
  return await importDatabase({ ...context, ...request, dump, database }, mine);
}

export const runUndo = (
  context: ImportContext,
  database: string,
  kept: string | null = null,
): Promise<ImportReport> => undoImport(context, database, kept);

export const makeImportDirectory = (): string => mkdtempSync(join(tmpdir(), 'hf-import-'));

/** Writes our own export of `databases` (several make a joint one) into a file below `dir`. */
export async function exportToFile(
  config: DatabaseInstanceConfig,
  database: string,
  selector: DatabaseSelector,
  file: string,
): Promise<void> {
  const engine = await openDatabaseEngine(config, { now: Date.now });
  const set = await engine.exports({ databases: [database], selector, signal: importSignal });
  const [only] = set.exports;
  if (only === undefined) throw new Error('nothing exported');
  writeFileSync(file, await readBody(only.body));
  await only.result();
  await engine.close();
}

const quote = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

/**
 * What a database holds, as text that is equal for equal databases: definitions of everything, rows and
 * checksums. Definers, and whose rights count, are told apart by `withDefiners`; the database's own name shows as `@`.
 */
export async function describeMariadb(
  server: MariadbServer,
  database: string,
  withDefiners = false,
): Promise<string> {
  const run = (sql: string) => mariadb(server, sql, database);
  const lines: string[] = [];
  const tables = (await run('SHOW FULL TABLES')).split('\n').filter(Boolean);
  for (const line of tables.sort()) {
    const [name = '', type = ''] = line.split('\t');
    const plain = await rawName(server, database, name);
    lines.push(type, await run(`SHOW CREATE TABLE ${quote(plain)}`));
    if (/BASE|VERSIONED/.test(type)) {
      lines.push((await run(`CHECKSUM TABLE ${quote(plain)}`)).replace(/^[^\t]*\t/, ''));
      lines.push(await run(`SELECT COUNT(*) FROM ${quote(plain)}`));
    }
  }
  const objects = await run(
    `SELECT CONCAT(ROUTINE_TYPE, ' ', ROUTINE_NAME), ROUTINE_DEFINITION, SQL_MODE, ${withDefiners ? 'SECURITY_TYPE, ' : ''}CHARACTER_SET_CLIENT, COLLATION_CONNECTION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY 1;
     SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_ORDER, ACTION_STATEMENT, ACTION_TIMING, SQL_MODE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY 1;
     SELECT EVENT_NAME, EVENT_DEFINITION, INTERVAL_VALUE, STARTS, STATUS, TIME_ZONE, SQL_MODE FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() ORDER BY 1;`,
  );
  const text = [...lines, objects]
    .join('\n')
    .replaceAll(quote(database), '@')
    .replaceAll(`${database}.`, '@.');
  if (withDefiners) return text;
  return text.replace(/DEFINER=`[^`]*`@`[^`]*` ?|SQL SECURITY (?:DEFINER|INVOKER) /g, '');
}

/** The client escapes odd names; their order is the same. */
async function rawName(server: MariadbServer, database: string, shown: string): Promise<string> {
  const hex = await mariadb(
    server,
    `SELECT HEX(TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${database}' AND TABLE_NAME = '${shown.replaceAll("'", "''")}'`,
  );
  return Buffer.from(hex.trim(), 'hex').toString('utf8');
}
