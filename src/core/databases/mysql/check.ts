/** What `doctor` shows of a MariaDB or MySQL server. */

import type { EngineCheck } from '../../contracts/database.ts';
import { isHoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import type { DatabaseInstanceConfig } from '../types.ts';
import { probeClient } from './client.ts';
import { hasPrivilege, ownGrants } from './privileges.ts';
import { openSession, type Session, text } from './session.ts';

/** Seconds. While a store stalls, dumps are kept alive at intervals of a third of it. */
const patientWriteTimeout = 30;

/** Never rejects: whatever fails is a check in state `error`. */
export async function checkServer(
  config: DatabaseInstanceConfig,
  signal: AbortSignal,
): Promise<readonly EngineCheck[]> {
  const [client, server] = await Promise.all([checkClient(config), checkConnection(config, signal)]);
  return [...server, ...client, ...compareVersions(server, client)];
}

/** A client that is older than its server may not know what tables there can be. */
export function compareVersions(
  server: readonly EngineCheck[],
  client: readonly EngineCheck[],
): readonly EngineCheck[] {
  const foreign = foreignClient(
    server.find(({ name }) => name === 'connection')?.detail ?? '',
    client[0]?.detail ?? '',
  );
  if (foreign !== null) return [foreign];
  const theirs = /server (\d+)\.(\d+)/.exec(server.find(({ name }) => name === 'connection')?.detail ?? '');
  const ours = /(?:Distrib|from|Ver) (\d+)\.(\d+)\.\d+/.exec(client[0]?.detail ?? '');
  if (theirs === null || ours === null) return [];
  const [serverVersion, clientVersion] = [theirs, ours].map(
    (found) => Number(found[1]) * 1000 + Number(found[2]),
  );
  if (clientVersion! >= serverVersion!) return [];
  const detail = `the client is of ${ours[1]}.${ours[2]}, the server of ${theirs[1]}.${theirs[2]}: install a client of that version`;
  return [{ name: 'versions', state: 'warning', detail }];
}

/** Each knows its own tables only; the versions of the two cannot be compared. */
function foreignClient(server: string, client: string): EngineCheck | null {
  if (!server.startsWith('server ') || !/(?:Distrib|from|Ver) \d/.test(client)) return null;
  const [theirs, ours] = [server, client].map((text) => /mariadb/i.test(text.replace(/ as .*$|^.*?: /, '')));
  if (theirs === ours) return null;
  const detail = ours
    ? "the client is MariaDB's, the server MySQL's: tables with generated columns could not be loaded again"
    : "the client is MySQL's, the server MariaDB's: it does not know all that such a server has";
  return { name: 'versions', state: 'error', detail: `${detail}; name the server's own in clientPath` };
}

async function checkClient(config: DatabaseInstanceConfig): Promise<readonly EngineCheck[]> {
  try {
    const { path, version } = await probeClient(config);
    return [{ name: 'client', state: 'ok', detail: `${printable(path)}: ${version}` }];
  } catch (error) {
    return [failed('client', error)];
  }
}

async function checkConnection(
  config: DatabaseInstanceConfig,
  signal: AbortSignal,
): Promise<readonly EngineCheck[]> {
  let session: Session | undefined;
  try {
    session = await openSession(config, signal);
    const [row] = await session.rows(
      'SELECT VERSION(), CURRENT_USER(), @@max_connections, @@global.net_write_timeout',
    );
    const [version, user, connections, timeout] = (row ?? []).map((cell) => printable(text(cell)));
    const grants = await ownGrants(session);
    return [
      { name: 'connection', state: 'ok', detail: `server ${version} as ${user}, ${connections} connections` },
      privilegeCheck(
        'privileges',
        'error',
        'a dump would be short or fail',
        (name) => hasPrivilege(grants, name, null),
        ['SELECT', 'SHOW VIEW', 'TRIGGER', 'EVENT'],
      ),
      privilegeCheck(
        'lock-privileges',
        'warning',
        'databases of an account share one export',
        (name) => hasPrivilege(grants, name, null),
        ['LOCK TABLES'],
      ),
      await canReadUsers(session),
      writeTimeoutCheck(Number(timeout)),
    ];
  } catch (error) {
    return [failed('connection', error)];
  } finally {
    await session?.close();
  }
}

function privilegeCheck(
  name: string,
  state: 'error' | 'warning',
  consequence: string,
  has: (privilege: string) => boolean,
  needed: readonly string[],
): EngineCheck {
  const missing = needed.filter((privilege) => !has(privilege));
  if (missing.length === 0) return { name, state: 'ok', detail: needed.join(', ') };
  return { name, state, detail: `${missing.join(', ')} not granted on *.*: ${consequence}` };
}

async function canReadUsers(session: Session): Promise<EngineCheck> {
  try {
    await session.rows('SELECT User, Host FROM mysql.user LIMIT 1');
    await session.rows('SELECT Db, User FROM mysql.db LIMIT 1');
    return { name: 'grants', state: 'ok', detail: 'users and grants can be read' };
  } catch (error) {
    return { ...failed('grants', error), state: 'warning' };
  }
}

function writeTimeoutCheck(seconds: number): EngineCheck {
  const name = 'net-write-timeout';
  if (seconds >= patientWriteTimeout) return { name, state: 'ok', detail: `${seconds} s` };
  const detail = `${seconds} s: a store that stalls may break a dump; set net_write_timeout to 60 or more`;
  return { name, state: 'warning', detail };
}

function failed(name: string, error: unknown): EngineCheck {
  return {
    name,
    state: 'error',
    detail: printable(error instanceof Error ? error.message : String(error), 500),
    ...(isHoldfastError(error) ? { code: error.code } : {}),
  };
}
