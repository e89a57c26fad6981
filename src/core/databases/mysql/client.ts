/** The installed dump client: which one, which version, which options it knows. */

import { HoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import { describeEnd } from '../client-dump.ts';
import { startClient } from '../client-process.ts';
import { findClient } from '../find-client.ts';
import type { DatabaseInstanceConfig } from '../types.ts';

export interface MysqlClient {
  readonly path: string;
  /** As it prints it, e.g. `mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, …`. */
  readonly version: string;
  readonly options: ReadonlySet<string>;
}

/** Enough for any client's help; a program that prints more is no client. */
const longestHelp = 1024 * 1024;

/** @throws PREREQUISITE_MISSING there is none, or it does not run */
export async function probeClient(config: DatabaseInstanceConfig): Promise<MysqlClient> {
  const names = ['mariadb-dump', 'mysqldump'];
  const path = findClient({
    names: config.engine === 'mysql' ? names.reverse() : names,
    clientPath: config.clientPath,
    directories: [],
    packages: config.engine === 'mysql' ? 'mysql-client' : 'mariadb-client',
  });
  const client = startClient({ path, args: ['--no-defaults', '--help'], env: clientEnvironment() });
  let help = '';
  for await (const chunk of client.stdout ?? []) {
    help += (chunk as Buffer).toString('latin1');
    if (help.length > longestHelp) client.kill();
  }
  const failure = describeEnd(await client.ended, client.name, []);
  if (failure !== null && help === '') {
    throw new HoldfastError('PREREQUISITE_MISSING', `the dump client does not run: ${failure}`, {
      hint: 'Install the client again, or set clientPath of this database in config.json.',
    });
  }
  const options = [...help.matchAll(/^\s+(?:-\w, )?--([a-z][a-z0-9-]*)/gm)].map(([, name = '']) => name);
  return { path, version: printable(help.split('\n', 1)[0] ?? ''), options: new Set(options) };
}

/** Nothing of ours but PATH: no option files, no login path, no credentials from elsewhere. */
export function clientEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', HOME: '/nonexistent' };
}
