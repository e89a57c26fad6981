/**
 * Lets the importer's connection take statements of any length. A dump writes bytes as hexadecimal digits, so a row
 * needs twice the packet it came in with, and the server measures with what its global setting was at the login.
 *
 * The setting is raised for that moment and put back. A kill in between leaves it raised until the server restarts,
 * which lets clients send more and costs nothing else.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientProcess } from '../client-process.ts';
import type { LoadContext } from '../import/types.ts';
import type { DatabaseInstanceConfig } from '../types.ts';
import { errorNumber, openSession, type Session, text } from './session.ts';

/** The most that servers take. */
const largestPacket = 1024 * 1024 * 1024;
const longestLoginMs = 10_000;

export interface ClientLogin {
  readonly user: string;
  readonly start: () => ClientProcess;
  /** Between imports at once, so that none takes the raised value for the usual one. */
  readonly lockServer: LoadContext['lockServer'];
}

/** Starts a client that logs in as `user`. Where the setting may not be changed, the client goes without. */
export async function withLargestPacket(
  config: DatabaseInstanceConfig,
  { user, start, lockServer }: ClientLogin,
): Promise<ClientProcess> {
  const lock = await lockServer();
  if (lock === null) return start();
  try {
    return await withRaised(config, user, start);
  } finally {
    lock.release();
  }
}

async function withRaised(
  config: DatabaseInstanceConfig,
  user: string,
  start: () => ClientProcess,
): Promise<ClientProcess> {
  // No signal of the caller's: whoever interrupts the import still wants the setting back.
  const session = await openSession(config, AbortSignal.timeout(6 * longestLoginMs));
  try {
    const [row] = await session.rows('SELECT @@GLOBAL.max_allowed_packet');
    const usual = Number(text(row?.[0]));
    if (!(usual < largestPacket) || !(await setPacket(session, largestPacket))) return start();
    try {
      const client = start();
      await loggedIn(session, user, client).catch((error: unknown) => {
        client.kill();
        throw error;
      });
      return client;
    } finally {
      await setPacket(session, usual);
    }
  } finally {
    await session.close();
  }
}

async function setPacket(session: Session, bytes: number): Promise<boolean> {
  try {
    await session.rows(`SET GLOBAL max_allowed_packet = ${bytes}`);
    return true;
  } catch (error) {
    if (errorNumber(error) === undefined) throw error;
    return false;
  }
}

/** Or has ended, or takes too long; its own end tells what was wrong. */
async function loggedIn(session: Session, user: string, client: ClientProcess): Promise<void> {
  const stop = new AbortController();
  void client.ended.then(() => stop.abort());
  for (let waitedMs = 0; waitedMs < longestLoginMs && !stop.signal.aborted; waitedMs += 20) {
    const rows = await session.rows(
      "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = ? AND COMMAND = 'Sleep'",
      [user],
    );
    if (rows.length > 0) return;
    await sleep(20, undefined, { signal: stop.signal }).catch(() => {});
  }
}
