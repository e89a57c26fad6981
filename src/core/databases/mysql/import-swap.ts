/**
 * The exchange of a loaded database with the live one: triggers away, one RENAME of all tables out and in,
 * then views, routines, triggers, events and grants again.
 *
 * Every step looks at what is there before it acts, so a killed exchange goes on from where it stopped. The
 * RENAME is the point of no return: before it all is undone, after it all is finished. Nothing here waits for a lock
 * longer than seconds, since all who come later wait behind it.
 */

import type { DatabaseWarning } from '../../contracts/database.ts';
import { HoldfastError } from '../../errors.ts';
import { printable, quoted } from '../../printable.ts';
import type { ImportRecord, StepListener } from '../import/types.ts';
import { fixDefaults, giveGrant, routineGrants, tablesOf } from './import-details.ts';
import {
  dropDefinitions,
  type Made,
  makeDefinitions,
  presentObjects,
  tryDrops,
  unmadeWarnings,
} from './import-objects.ts';
import { createDatabase, dropDatabase } from './import-placement.ts';
import { type Definition, readDefinitions, type UnopenedViews } from './import-read.ts';
import { dropKeys, makeKeys, readTornKeys, type TornKey } from './import-torn-keys.ts';
import { quoteName } from './names.ts';
import { errorNumber, lockErrors, type Session } from './session.ts';

/** What the record keeps of one side. Plain JSON. */
export interface Side {
  /** The database whose name stands in the definitions. */
  readonly from: string;
  readonly definitions: readonly Definition[];
  /** Tables and sequences. */
  readonly tables: readonly string[];
  /** Statements that give back what users may do with routines. */
  readonly grants: readonly string[];
  /** Of the whole database; absent in what an older version noted. */
  readonly keys?: readonly TornKey[];
}

const attempts = 3;
const lockWaitSeconds = 2;

/** @throws IMPORT_REFUSED it holds what the server would not drop */
export async function readSide(
  session: Session,
  database: string,
  only: readonly string[] | null,
  unopened: UnopenedViews,
): Promise<Side> {
  const all = await tablesOf(session, database);
  const definitions = await readDefinitions(session, database, only, unopened);
  await tryDrops(session, database, definitions);
  return {
    from: database,
    definitions,
    tables: only === null ? all : all.filter((name) => only.includes(name)),
    grants: only === null ? await routineGrants(session, database) : [],
    keys: (await readTornKeys(session, database, all)).filter(
      ({ table }) => only === null || only.includes(table),
    ),
  };
}

/** Whether the RENAME is done: of what was to come in, nothing is outside any more. */
export async function isExchanged(session: Session, record: ImportRecord): Promise<boolean> {
  const { tables } = record.incoming as Side;
  const waiting = new Set(await tablesOf(session, record.scratch));
  if (tables.some((name) => waiting.has(name))) return false;
  const live = new Set(await tablesOf(session, record.database));
  if (tables.length > 0) return tables.every((name) => live.has(name));
  const outgoing = (record.outgoing as Side | null)?.tables ?? [];
  return !outgoing.some((name) => live.has(name));
}

const limitLocks = `SET SESSION lock_wait_timeout = ${lockWaitSeconds}, innodb_lock_wait_timeout = ${lockWaitSeconds}`;

/** @throws IMPORT_FAILED */
export async function exchange(
  session: Session,
  record: ImportRecord,
  onStep: StepListener,
): Promise<DatabaseWarning[]> {
  const { database, scratch, kept } = record;
  const incoming = record.incoming as Side;
  const outgoing = record.outgoing as Side | null;
  await session.rows(`${limitLocks}, foreign_key_checks = 0`);
  // A new one is as the dump says and lies where the dump went, as the scratch database; what is kept, as it was.
  await createDatabase(session, kept ?? database, kept === null ? scratch : record.origin);
  onStep('made');
  if (!(await isExchanged(session, record))) {
    // Tables with triggers cannot be renamed into another database. All else of the live one stays until then.
    await dropDefinitions(session, scratch, incoming.definitions);
    await dropKeys(session, scratch, incoming.keys ?? []);
    onStep('scratch-cleared');
    const inTheWay = ({ kind, name }: Definition): boolean =>
      kind === 'trigger' || (kind === 'view' && incoming.tables.includes(name));
    await dropDefinitions(session, database, outgoing?.definitions.filter(inTheWay) ?? []);
    onStep('live-cleared');
    await renameAll(session, record, incoming, outgoing);
  }
  onStep('renamed');
  if (outgoing !== null) await dropDefinitions(session, database, outgoing.definitions);
  // Asks for all columns, so not before the old views are gone, which may take hours to open.
  await fixDefaults(session, database, incoming.from);
  // Else what is kept would hold rows of the new tables.
  if (kept !== null) await dropKeys(session, kept, outgoing?.keys ?? []).catch(ignoreUnlessLocked);
  const torn = await makeKeys(session, database, incoming.keys ?? []);
  onStep('old-dropped');
  const made = await makePatiently(session, incoming.definitions, { from: incoming.from, to: database });
  onStep('replayed');
  for (const grant of (outgoing ?? incoming).grants)
    await giveGrant(session, grant).catch(ignoreMissingRoutine);
  onStep('granted');
  await dropEmpty(session, scratch);
  onStep('finished');
  return [...torn, ...made.warnings, ...unmadeWarnings(made.unmade, database)];
}

/**
 * What somebody's lock keeps from being made is tried again.
 *
 * @throws IMPORT_FAILED the lock stays; all others are made
 */
async function makePatiently(
  session: Session,
  definitions: readonly Definition[],
  place: { readonly from: string; readonly to: string },
): Promise<Made> {
  let { unmade, warnings } = await makeDefinitions(session, definitions, place);
  for (let attempt = 1; ; attempt += 1) {
    const locked = unmade.find((one) => one.locked);
    if (locked === undefined) return { unmade, warnings };
    if (attempt === attempts) {
      const what = `${locked.one.kind} ${quoted(locked.one.name)}`;
      throw new HoldfastError('IMPORT_FAILED', `${what} cannot be made: ${printable(locked.why, 500)}`, {
        hint: 'Stop what uses the database for a moment, then run the command again.',
      });
    }
    const again = await makeDefinitions(
      session,
      unmade.map(({ one }) => one),
      place,
    );
    unmade = again.unmade;
    warnings = [...warnings, ...again.warnings];
  }
}

async function renameAll(
  session: Session,
  { database, scratch, kept, tables }: ImportRecord,
  incoming: Side,
  outgoing: Side | null,
): Promise<void> {
  // What came into the live database since the record was written goes out as well.
  const present = outgoing === null ? [] : await tablesOf(session, database);
  const out = tables === null ? present : present.filter((name) => tables.includes(name));
  const move = (name: string, from: string, to: string): string =>
    `${quoteName(from)}.${quoteName(name)} TO ${quoteName(to)}.${quoteName(name)}`;
  const moves = [
    ...out.map((name) => move(name, database, kept ?? '')),
    ...incoming.tables.map((name) => move(name, scratch, database)),
  ];
  if (moves.length === 0) return;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await session.rows(`RENAME TABLE ${moves.join(', ')}`);
      return;
    } catch (error) {
      const number = errorNumber(error);
      if (number === undefined) throw error;
      // The attempts are few, since new queries queue behind ours.
      if (lockErrors.has(number) && attempt < attempts) continue;
      const why = printable((error as Error).message, 500);
      throw new HoldfastError('IMPORT_FAILED', `the tables could not be exchanged: ${why}`, {
        hint: 'Stop what uses the database for a moment, then run the command again.',
      });
    }
  }
}

/** Never one that still holds tables. */
async function dropEmpty(session: Session, database: string): Promise<void> {
  if ((await tablesOf(session, database)).length === 0) {
    await dropDatabase(session, database);
  }
}

/** It is not worth an exchange that cannot end. */
function ignoreUnlessLocked(error: unknown): void {
  const number = errorNumber(error);
  if (number === undefined || lockErrors.has(number)) throw error;
}

/** Routines that only the replaced database had. */
function ignoreMissingRoutine(error: unknown): void {
  if (errorNumber(error) === undefined) throw error;
}

/**
 * Puts back what was cleared for an exchange that did not come to pass; what is there is not touched.
 *
 * @throws IMPORT_FAILED somebody's lock keeps a trigger from coming back; all else is there
 */
export async function restoreLive(session: Session, record: ImportRecord): Promise<DatabaseWarning[]> {
  const outgoing = record.outgoing as Side | null;
  if (outgoing === null) return [];
  const { database } = record;
  await session.rows(limitLocks);
  const present = await presentObjects(session, database);
  const gone = outgoing.definitions.filter(({ kind, name }) => !present.has(`${kind} ${name}`));
  const made = await makePatiently(session, gone, { from: outgoing.from, to: database });
  return [...made.warnings, ...unmadeWarnings(made.unmade, database)];
}
