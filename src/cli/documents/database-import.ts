/** `db import --json`, and `restore --in-place --database … --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { errorParts } from './error.ts';
import { count, document, flag, instant, instantOrNull, list, record, text, textOrNull } from './schema.ts';

const importItem = record('A database.', {
  account: text('Site of the account.'),
  instance: text('Name of the database server in the configuration.'),
  database: text('The name it has now.'),
  source: textOrNull('The file or snapshot it came from; null for --undo.'),
  replaced: flag('Whether it took the place of a live one.'),
  kept: textOrNull('Database in which the replaced one is kept; null where there was none.'),
  keptUntil: instantOrNull('When that may be dropped.'),
  alsoKept: list(
    'What earlier imports replaced and is kept as well, newest first.',
    record('A kept database.', {
      name: text('Of the database that holds it; for --undo --kept.'),
      replacedAt: instant('When the import began that replaced it.'),
      keptUntil: instantOrNull('When it may be dropped.'),
    }),
  ),
  tables: list(
    'Tables that were loaded and counted.',
    record('A table.', { name: text('Its name.'), rows: count('Its rows.') }),
  ),
  warnings: list(
    'What is not as it was.',
    record('A warning.', {
      code: text('Kebab-case; docs/errors.md has them all.'),
      message: text('What happened.'),
    }),
  ),
});

export const databaseImportDocument = document('database-import', 'What an import did.', {
  exitStatus: count('Status of the process.'),
  dryRun: flag('Whether nothing was done.'),
  undone: flag('Whether a replaced database was brought back.'),
  recovered: list(
    'What an import that was killed had left.',
    record('A database.', { database: text('Its name.'), how: text('`finished` or `undone`.') }),
  ),
  databases: list('The databases, in the order in which they were imported.', importItem),
  failed: list(
    'Of several databases those that were not imported; one alone that fails is an error document.',
    record('A database.', {
      account: text('Site of the account.'),
      instance: textOrNull('Name of the database server, where it was said or known.'),
      database: text('Its name.'),
      ...errorParts,
    }),
  ),
});

export type DatabaseImportDocument = FromSchema<typeof databaseImportDocument>;
export type DatabaseImportItem = FromSchema<typeof importItem>;
