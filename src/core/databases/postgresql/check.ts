/** What `doctor` shows of a PostgreSQL server. */

import type { EngineCheck } from '../../contracts/database.ts';
import { isHoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import type { DatabaseInstanceConfig } from '../types.ts';
import { findClients, versionOf } from './clients.ts';
import { maintenanceDatabase, openSession, type Session } from './session.ts';

/** Never rejects: whatever fails is a check in state `error`. */
export async function checkServer(
  config: DatabaseInstanceConfig,
  signal: AbortSignal,
): Promise<readonly EngineCheck[]> {
  const [server, clients] = await Promise.all([checkConnection(config, signal), checkClients(config)]);
  const checks = [...server.checks, ...clients.checks];
  if (server.major !== null && clients.major !== null && clients.major < server.major) {
    const detail = `pg_dump ${clients.major} refuses a server of version ${server.major}: install a newer client`;
    checks.push({ name: 'versions', state: 'error', detail });
  }
  return checks;
}

interface Checked {
  readonly checks: readonly EngineCheck[];
  readonly major: number | null;
}

async function checkConnection(config: DatabaseInstanceConfig, signal: AbortSignal): Promise<Checked> {
  let session: Session | undefined;
  try {
    session = await openSession(config, maintenanceDatabase, signal);
    const [row] = await session.rows(
      `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int / 10000 AS major,
              current_user AS who, current_setting('max_connections') AS connections, r.rolsuper, r.rolbypassrls,
              has_table_privilege('pg_authid', 'SELECT') AS authid,
              pg_has_role('pg_read_all_data', 'USAGE') AS reads_all
       FROM pg_roles r WHERE r.rolname = current_user`,
    );
    const version = printable(String(row?.['version']));
    const who = printable(String(row?.['who']));
    const detail = `server ${version} as ${who}, ${printable(String(row?.['connections']))} connections`;
    const isSuperuser = row?.['rolsuper'] === true;
    return {
      major: Number(row?.['major']),
      checks: [
        { name: 'connection', state: 'ok', detail },
        isSuperuser || (row?.['rolbypassrls'] === true && row['reads_all'] === true)
          ? { name: 'privileges', state: 'ok', detail: `${who} sees every row` }
          : {
              name: 'privileges',
              state: 'error',
              detail: `${who} is neither superuser nor BYPASSRLS with pg_read_all_data: dumps may fail`,
            },
        row?.['authid'] === true
          ? { name: 'grants', state: 'ok', detail: 'roles and their passwords can be read' }
          : {
              name: 'grants',
              state: 'warning',
              detail: `${who} may not read pg_authid: roles lose their passwords`,
            },
      ],
    };
  } catch (error) {
    return { checks: [failed('connection', error)], major: null };
  } finally {
    await session?.close();
  }
}

async function checkClients(config: DatabaseInstanceConfig): Promise<Checked> {
  try {
    const { dump, restore } = findClients(config);
    const [version] = await Promise.all([versionOf(dump), versionOf(restore)]);
    const major = Number.parseInt(/ (\d+)/.exec(version)?.[1] ?? '0', 10);
    return { checks: [{ name: 'client', state: 'ok', detail: `${printable(dump)}: ${version}` }], major };
  } catch (error) {
    return { checks: [failed('client', error)], major: null };
  }
}

function failed(name: string, error: unknown): EngineCheck {
  return {
    name,
    state: 'error',
    detail: printable(error instanceof Error ? error.message : String(error), 500),
    ...(isHoldfastError(error) ? { code: error.code } : {}),
  };
}
