/**
 * One instant for several dumps: read locks on the account's own tables, held until every dump has
 * opened its snapshot.
 *
 * Never a global lock: behind one slow query that would stop the whole server. The wait for the locks
 * is short, the attempts are few, and the hold has a limit, so the worst an account's writers see is a
 * pause of seconds.
 */

import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfInterrupted } from '../../interruption.ts';
import { printable } from '../../printable.ts';
import { quoteName } from './names.ts';
import { errorNumber, type Session, text } from './session.ts';

export interface LockRequest {
  readonly database: string;
  readonly tables: readonly string[];
}

export interface LockOutcome {
  /** Null: the tables are locked. Else why they are not. */
  readonly refused: string | null;
  /** Databases that cannot be locked at all, with the reason; never among the locked ones. */
  readonly excluded: ReadonlyMap<string, string>;
}

const attempts = 4;
const lockWaitSeconds = 1;
/** Lock wait timeout, deadlock: another session is in the way, and may soon be gone. */
const busy: ReadonlySet<number | undefined> = new Set([1205, 1213]);

/** Locks exactly these tables, or says why it could not. Never rejects for what the server answers. */
export async function lockOnly(
  session: Session,
  request: LockRequest,
  signal: AbortSignal,
): Promise<string | null> {
  await session.rows(`SET SESSION lock_wait_timeout = ${lockWaitSeconds}`);
  for (let attempt = 1; ; attempt += 1) {
    const refused = await tryLock(session, [request]);
    if (refused === null) return null;
    if (!busy.has(refused.number) || attempt === attempts) return printable(refused.message);
    await pause(signal);
  }
}

export async function lockTables(
  session: Session,
  requests: readonly LockRequest[],
  signal: AbortSignal,
): Promise<LockOutcome> {
  await session.rows(`SET SESSION lock_wait_timeout = ${lockWaitSeconds}`);
  const excluded = new Map<string, string>();
  let wanted = requests;
  let reason = '';
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const refused = await tryLock(session, wanted);
    if (refused === null) return { refused: null, excluded };
    reason = printable(refused.message);
    if (!busy.has(refused.number)) {
      // A table was dropped since we looked, or cannot be opened: leave out only what is in the way.
      wanted = await lockable(session, wanted, excluded);
      continue;
    }
    if (attempt < attempts) await pause(signal);
  }
  return { refused: reason, excluded };
}

/** False where the session is gone: the locks were then lost at an unknown time. Nobody uses it again. */
export async function unlockTables(session: Session): Promise<boolean> {
  try {
    await session.rows('UNLOCK TABLES');
    return true;
  } catch {
    await session.close();
    return false;
  }
}

/** After `lockTables`: whoever has the session next waits as long as others do. Ends it where that fails. */
export async function forgetLockWait(session: Session): Promise<void> {
  if (!session.isOpen) return;
  await session.rows('SET SESSION lock_wait_timeout = DEFAULT').catch(() => session.close());
}

interface Refusal {
  readonly number: number;
  readonly message: string;
}

async function tryLock(session: Session, requests: readonly LockRequest[]): Promise<Refusal | null> {
  const tables = requests.flatMap(({ database, tables }) =>
    tables.map((table) => `${quoteName(database)}.${quoteName(table)} READ`),
  );
  if (tables.length === 0) return null;
  try {
    await session.rows(`LOCK TABLES ${tables.join(', ')}`);
    return null;
  } catch (error) {
    const number = errorNumber(error);
    if (number === undefined) throw error;
    return { number, message: (error as Error).message };
  }
}

async function lockable(
  session: Session,
  requests: readonly LockRequest[],
  excluded: Map<string, string>,
): Promise<readonly LockRequest[]> {
  const kept: LockRequest[] = [];
  for (const { database } of requests) {
    const request = { database, tables: await baseTables(session, database) };
    const refused = await tryLock(session, [request]);
    await unlockTables(session);
    if (refused === null || busy.has(refused.number)) kept.push(request);
    else excluded.set(database, printable(refused.message));
  }
  return kept;
}

async function baseTables(session: Session, database: string): Promise<readonly string[]> {
  const rows = await session.rows(
    `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES
     WHERE TABLE_SCHEMA = ? AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')`,
    [database],
  );
  return rows.filter(([schema]) => text(schema) === database).map(([, name]) => text(name));
}

/** Of random length, so that two runs on one server do not keep meeting. */
async function pause(signal: AbortSignal): Promise<void> {
  await sleep(randomInt(100, 500), undefined, { signal }).catch(() => {});
  throwIfInterrupted(signal, 'waiting for table locks');
}
