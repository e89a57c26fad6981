/** A private PostgreSQL server, and its own command-line client for what a test does beside the engine. */

import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import type { DatabaseInstanceConfig } from '../../src/core/databases/types.ts';
import { startServer } from './server-process.ts';

export interface PostgresqlServer {
  readonly config: DatabaseInstanceConfig & { readonly host: string; readonly port: number };
  readonly dir: string;
  readonly port: number;
  stop(): Promise<void>;
}

export async function startPostgresql(dir?: string): Promise<PostgresqlServer> {
  const server = await startServer('postgres-server.sh', dir);
  const { port } = server;
  const config = {
    name: 'postgresql',
    engine: 'postgresql',
    host: '127.0.0.1',
    port,
    user: 'postgres',
  } as const;
  return { ...server, config };
}

/** Runs SQL with psql, as the superuser; returns what it prints, fields separated by `|`. */
export async function psql(server: PostgresqlServer, sql: string, database = 'postgres'): Promise<string> {
  return await postgresqlClient(server, 'psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-f', '-'], database, sql);
}

/** Runs any client of PostgreSQL against `database`; returns what it prints. */
export async function postgresqlClient(
  server: PostgresqlServer,
  name: string,
  args: readonly string[],
  database: string,
  input: string | Uint8Array = '',
): Promise<string> {
  const env = {
    PATH: process.env['PATH'],
    PGHOST: server.config.host,
    PGPORT: String(server.port),
    PGUSER: 'postgres',
    PGDATABASE: database,
  };
  const child = spawn(name, args, { env });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = new Promise((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
  if ((await ended) !== 0) throw new Error(`${name}: ${stderr.toString()}`);
  return stdout.toString();
}
