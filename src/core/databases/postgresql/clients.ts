/** pg_dump and pg_restore: where they are, and what they may know of us. */

import { HoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import { describeEnd } from '../client-dump.ts';
import { startClient } from '../client-process.ts';
import { findBeside, findClient, postgresqlDirectories } from '../find-client.ts';
import type { DatabaseInstanceConfig } from '../types.ts';
import { addressOf } from './session.ts';

export interface PostgresqlClients {
  readonly dump: string;
  readonly restore: string;
}

/** @throws PREREQUISITE_MISSING one of them is not installed */
export function findClients(config: DatabaseInstanceConfig): PostgresqlClients {
  const search = {
    clientPath: config.clientPath,
    directories: postgresqlDirectories(),
    packages: 'postgresql-client',
  };
  const dump = findClient({ ...search, names: ['pg_dump'] });
  return { dump, restore: findBeside(dump, { ...search, names: ['pg_restore'] }) };
}

/** As it prints it, e.g. `pg_dump (PostgreSQL) 15.8`. */
export async function versionOf(path: string): Promise<string> {
  const client = startClient({ path, args: ['--version'], env: localEnvironment() });
  let printed = '';
  for await (const chunk of client.stdout ?? []) printed = (printed + String(chunk)).slice(0, 200);
  const failure = describeEnd(await client.ended, client.name, []);
  if (failure === null) return printable(printed.trim());
  throw new HoldfastError('PREREQUISITE_MISSING', `a database client does not run: ${failure}`, {
    hint: 'Install the client again, or set clientPath of this database in config.json.',
  });
}

/** For a client that connects to nothing. */
export function localEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' };
}

/**
 * For a client that connects. The database's name stands here and not on the command line, where
 * one like `host=elsewhere` would be read as a connection string.
 */
export function connectionEnvironment(
  config: DatabaseInstanceConfig,
  database: string,
  { options, encoding }: { readonly options: string; readonly encoding: string },
): Record<string, string> {
  const { host, port, user } = addressOf(config);
  const home = process.env['HOME'];
  return {
    ...localEnvironment(),
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: database,
    PGAPPNAME: 'holdfast',
    PGOPTIONS: options,
    PGCLIENTENCODING: encoding,
    ...tlsEnvironment(config),
    // Without a password of ours the user's own ~/.pgpass counts, as it does for the driver.
    ...(config.password === undefined
      ? home === undefined
        ? {}
        : { HOME: home }
      : { PGPASSWORD: config.password }),
  };
}

function tlsEnvironment({ tls, socket }: DatabaseInstanceConfig): Record<string, string> {
  if (tls === undefined || socket !== undefined) return {};
  const { ca, cert, key } = tls;
  return {
    PGSSLMODE: ca === undefined ? 'require' : 'verify-full',
    ...(ca === undefined ? {} : { PGSSLROOTCERT: ca }),
    ...(cert === undefined ? {} : { PGSSLCERT: cert }),
    ...(key === undefined ? {} : { PGSSLKEY: key }),
  };
}
