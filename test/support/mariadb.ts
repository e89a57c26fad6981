/** A private MariaDB server, and its own command-line client for what a test does beside the engine. */

import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import type { DatabaseInstanceConfig } from '../../src/core/databases/types.ts';
import { startServer } from './server-process.ts';

export interface MariadbServer {
  readonly config: DatabaseInstanceConfig & { readonly socket: string };
  readonly dir: string;
  readonly port: number;
  stop(): Promise<void>;
}

export async function startMariadb(dir?: string): Promise<MariadbServer> {
  const server = await startServer('mariadb-server.sh', dir);
  const config = { name: 'mariadb', engine: 'mariadb', socket: `${server.dir}/sock`, user: 'root' } as const;
  return { ...server, config };
}

/**
 * Runs SQL with the command-line client, as root; returns what it prints, without column names. Comments
 * are sent, or routines would lose theirs.
 */
export async function mariadb(
  server: MariadbServer,
  sql: string | Uint8Array,
  database = '',
): Promise<string> {
  const args = ['--no-defaults', '--user=root', `--socket=${server.config.socket}`];
  const options = ['--default-character-set=utf8mb4', '--batch', '--skip-column-names', '--comments', '--'];
  const child = spawn('mariadb', [...args, ...options, ...(database === '' ? [] : [database])]);
  child.stdin.on('error', () => {});
  child.stdin.end(sql);
  const ended = new Promise((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
  if ((await ended) !== 0) throw new Error(`mariadb: ${stderr.toString()}`);
  return stdout.toString();
}
