/** Compares the scratch database with what the dump's own stream held: tables, views, sequences, rows. */

import type { DatabaseWarning } from '../../contracts/database.ts';
import { HoldfastError } from '../../errors.ts';
import { printable, quoted } from '../../printable.ts';
import type { ImportedTable } from '../import/types.ts';
import type { Definition } from './import-read.ts';
import type { ImportTally } from './import-tally.ts';
import { quoteName } from './names.ts';
import { type Session, text } from './session.ts';

export interface LoadedDump {
  readonly tally: ImportTally;
  /** Those that were made. */
  readonly views: readonly string[];
  /** Tables; null: all. */
  readonly wanted: readonly string[] | null;
}

/** @throws IMPORT_FAILED something is missing, or is there that the dump does not hold */
export async function checkLoaded(
  session: Session,
  scratch: string,
  { tally, views, wanted }: LoadedDump,
): Promise<readonly ImportedTable[]> {
  const missing = (wanted ?? []).filter((name) => !tally.tables.has(name) && !tally.sequences.has(name));
  if (missing.length > 0) {
    throw new HoldfastError(
      'PATH_NOT_FOUND',
      `the dump has no table ${missing.map((name) => quoted(name)).join(', ')}`,
      {
        hint: 'Name tables as the dump does.',
      },
    );
  }
  const rows = await session.rows(
    'SELECT TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?',
    [scratch],
  );
  const [folding] = await session.rows('SELECT @@lower_case_table_names');
  const fold = (name: string): string => (Number(text(folding?.[0])) === 0 ? name : name.toLowerCase());
  const found = new Map(rows.map(([name, type]) => [text(name), text(type)]));
  // These show the rows of other tables and have none, in the dump either.
  const merged = new Set(
    rows.filter(([, , engine]) => /^MRG_MyISAM$/i.test(text(engine))).map(([name]) => text(name)),
  );
  compareNames(fold, [...tally.tables.keys()], namesOf(found, /^(BASE TABLE|SYSTEM VERSIONED)$/), 'table');
  compareNames(fold, views, namesOf(found, /VIEW$/), 'view');
  compareNames(fold, [...tally.sequences], namesOf(found, /^SEQUENCE$/), 'sequence');
  const tables: ImportedTable[] = [];
  for (const [name, { rows: expected, exact }] of tally.tables) {
    if (merged.has(fold(name))) {
      tables.push({ name, rows: 0 });
      continue;
    }
    const history = found.get(fold(name)) === 'SYSTEM VERSIONED' ? ' FOR SYSTEM_TIME ALL' : '';
    const [row] = await session.rows(
      `SELECT COUNT(*) FROM ${quoteName(scratch)}.${quoteName(name)}${history}`,
    );
    const arrived = Number(text(row?.[0]));
    if (exact ? arrived !== expected : arrived > expected) {
      throw failed(`table ${quoted(name)} has ${arrived} rows and not the ${expected} of the dump`);
    }
    tables.push({ name, rows: arrived });
  }
  return tables;
}

/** Routines, triggers and events of the dump that the server took and that are not there. */
export function missingObjects(
  { objects }: ImportTally,
  definitions: readonly Pick<Definition, 'kind' | 'name'>[],
  database: string,
): DatabaseWarning[] {
  const there = new Set(definitions.map(({ kind, name }) => `${kind} ${name}`.toLowerCase()));
  const missing = [...objects].filter(([key]) => !there.has(key));
  return missing.map(([key, sql]) => {
    const message = `${printable(key)} of the dump did not arrive; its text: ${printable(sql, 1000)}`;
    return { code: 'object-not-made', database, message };
  });
}

/** Statements that are no part of a database. */
export function leftOut({ ignored }: ImportTally, database: string): DatabaseWarning[] {
  if (ignored.size === 0) return [];
  const message = `statements that are no part of a database were left out: ${[...ignored].join(', ')}`;
  return [{ code: 'import-left-out', database, message }];
}

const namesOf = (found: ReadonlyMap<string, string>, type: RegExp): string[] =>
  [...found].filter(([, of]) => type.test(of)).map(([name]) => name);

function compareNames(
  fold: (name: string) => string,
  expected: readonly string[],
  found: readonly string[],
  what: string,
): void {
  const there = new Set(found.map(fold));
  const meant = new Set(expected.map(fold));
  const missing = expected.find((name) => !there.has(fold(name)));
  if (missing !== undefined) throw failed(`${what} ${quoted(missing)} of the dump did not arrive`);
  const strange = found.find((name) => !meant.has(fold(name)));
  if (strange !== undefined) throw failed(`${what} ${quoted(strange)} is there and not in the dump`);
}

const failed = (why: string): HoldfastError =>
  new HoldfastError('IMPORT_FAILED', `what was loaded is not what the dump holds: ${why}`, {
    hint: 'Import another dump; the live database is as it was.',
  });
