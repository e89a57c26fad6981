/** `db export --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { errorParts } from './error.ts';
import {
  choice,
  count,
  countOrNull,
  document,
  instant,
  instantOrNull,
  list,
  record,
  recordOrNull,
  text,
  textOrNull,
  texts,
} from './schema.ts';

const databaseItem = record('A database.', {
  account: text('Site of the account.'),
  domain: textOrNull('Domain of the account.'),
  instance: text('Name of the database server in the configuration.'),
  engine: text('`mariadb`, `mysql` or `postgresql`.'),
  database: textOrNull('Its name; null where the server did not even tell its databases.'),
  state: choice('Whether there is a new, whole export.', 'complete', 'failed'),
  error: recordOrNull('Why not; null where there is one.', errorParts),
  path: textOrNull('The file; null for a failed one and for the store.'),
  snapshot: textOrNull('Id of the snapshot; null but for the store.'),
  plainBytes: count('Bytes of the dump.'),
  storedBytes: countOrNull('Bytes of the file; null for the store.'),
  milliseconds: count('How long it took; for the store, the whole account.'),
  instant: instantOrNull('The instant it was exported from.'),
  consistency: choice(
    'How the exports of the account relate in time.',
    'barrier',
    'joint',
    'single',
    'panel',
    null,
  ),
  lockHeldMs: count('How long writers had to wait, in milliseconds.'),
  lockedTables: texts('Tables without transactions, which were locked while they were read.'),
  warnings: list(
    'What the export lacks; docs/errors.md has the codes.',
    record('A warning.', { code: text('Its code.'), message: text('What it is about.') }),
  ),
  notes: list(
    'What the export has whole and an import may not give back, with the codes of warnings. Without effect on the status.',
    record('A note.', { code: text('Its code.'), message: text('What it is about.') }),
  ),
});

const skippedDatabase = record('A database that was not exported.', {
  account: text('Site of the account.'),
  instance: text('Name of the database server in the configuration.'),
  database: text('Its name.'),
  reason: choice('`no-place`: the panel keeps no dumps of such databases of this account.', 'no-place'),
});

export const databaseExportDocument = document('database-export', 'What an export of databases did.', {
  target: text('Directory, `accounts`, or the name of the addin configuration.'),
  startedAt: instant('When it began.'),
  endedAt: instant('When it ended.'),
  exitStatus: count('Status of the process.'),
  databases: list('Every database, by account, server and name.', databaseItem),
  skipped: list('Databases that have no place in this target.', skippedDatabase),
  unconfiguredEngines: texts('Kinds of databases that the accounts use and that nothing exports.'),
});

export type DatabaseExportDocument = FromSchema<typeof databaseExportDocument>;
export type SkippedDatabase = DatabaseExportDocument['skipped'][number];
export type DatabaseItem = DatabaseExportDocument['databases'][number];
