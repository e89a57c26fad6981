/**
 * The exchange of a loaded database with the live one: nobody may connect, sessions end, both are renamed
 * in one transaction.
 *
 * Every step looks at what is there before it acts, so a killed exchange goes on from where it stopped.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import type { ImportRecord, StepListener } from '../import/types.ts';
import { allowConnections, databaseNames, endSessions } from './import-database.ts';
import { quoteName } from './names.ts';
import { type Session, sqlState } from './session.ts';

const attempts = 5;
const pauseMs = 200;

/** Whether the renames are done. */
export async function isExchanged(session: Session, { scratch, database }: ImportRecord): Promise<boolean> {
  const names = await databaseNames(session);
  return !names.has(scratch) && names.has(database);
}

/** @throws IMPORT_FAILED */
export async function exchange(session: Session, record: ImportRecord, onStep: StepListener): Promise<void> {
  const { database, scratch, kept } = record;
  if (!(await isExchanged(session, record))) {
    const replaces = kept !== null && (await databaseNames(session)).has(database);
    if (replaces) await allowConnections(session, database, false);
    await allowConnections(session, scratch, false);
    onStep('connections-forbidden');
    await renameBoth(session, record, replaces, onStep);
  }
  onStep('renamed');
  await allowConnections(session, database, true);
  onStep('finished');
}

async function renameBoth(
  session: Session,
  { database, scratch, kept }: ImportRecord,
  replaces: boolean,
  onStep: StepListener,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await endSessions(session, [database, scratch]);
    if (attempt === 1) onStep('sessions-ended');
    try {
      await session.rows('BEGIN');
      if (replaces)
        await session.rows(`ALTER DATABASE ${quoteName(database)} RENAME TO ${quoteName(kept ?? '')}`);
      await session.rows(`ALTER DATABASE ${quoteName(scratch)} RENAME TO ${quoteName(database)}`);
      await session.rows('COMMIT');
      return;
    } catch (error) {
      if (sqlState(error) === undefined) throw error;
      await session.rows('ROLLBACK');
      // A session that ends takes a moment to be gone.
      if (attempt < attempts) {
        await sleep(pauseMs);
        continue;
      }
      if (replaces) await allowConnections(session, database, true);
      const why = printable((error as Error).message, 500);
      throw new HoldfastError('IMPORT_FAILED', `the databases could not be exchanged: ${why}`, {
        hint: 'Stop what uses the database for a moment, then run the command again.',
      });
    }
  }
}
