/**
 * The whole way in a minute: a sample panel with accounts and databases, a backup of it, a disaster, a
 * restore, and a comparison with a copy taken before. Ends with the number of differences.
 *
 * Works in `.demo/` and on database servers of its own, which stop when it ends.
 */

import { execFile, spawn } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RestoreDocument } from '../src/cli/documents/restore.ts';
import { compareTrees } from '../test/support/compare-trees.ts';
import { startMariadb } from '../test/support/mariadb.ts';
import { startPostgresql } from '../test/support/postgresql.ts';
import { populateDatabases } from '../test/support/sample-databases.ts';
import { buildSamplePanel, type SamplePanel } from '../test/support/sample-panel.ts';
import { damageTrees } from './demo/damage.ts';
import {
  damageDatabases,
  describeDatabases,
  differences,
  loadDatabases,
  missing,
  type Servers,
} from './demo/databases.ts';

const execute = promisify(execFile);
const checkout = join(import.meta.dirname, '..');
const demo = join(checkout, '.demo');
const config = join(demo, 'config');
const reference = join(demo, 'reference');

function say(text: string): void {
  console.log(`\n=== ${text}`);
}

/** Runs the command line as anybody would; its output goes to the terminal unless it is asked for. */
async function holdfast(args: readonly string[], accepted: readonly number[] = [0]): Promise<string> {
  const json = args.includes('--json');
  console.log(`$ holdfast ${args.join(' ')}`);
  const command = [join(checkout, 'src/cli/main.ts'), '--config', config, ...args];
  const child = spawn(process.execPath, command, { stdio: ['ignore', json ? 'pipe' : 'inherit', 'inherit'] });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (!accepted.includes(status ?? -1)) throw new Error(`holdfast ended with status ${status}`);
  return output;
}

async function treeDifferences(
  panel: SamplePanel,
  original: string,
): Promise<{ entries: number; found: string[] }> {
  const found: string[] = [];
  let entries = 0;
  for (const { site, shadow, info } of panel.accounts) {
    const copy = join(original, 'home/virtual', site);
    for (const [name, live, leftOut] of [
      ['shadow', shadow, ['var/lib/mysql', 'var/lib/pgsql']],
      ['info', info, ['work', 'index']],
    ] as const) {
      const compared = await compareTrees(join(copy, name), live, { ignoreBelow: leftOut });
      entries += compared.entries;
      found.push(...compared.differences.map(({ path, field }) => `${site} ${name}/${path} ${field}`));
    }
  }
  return { entries, found };
}

function writeConfiguration(panel: SamplePanel, { mysql, postgres }: Servers): void {
  mkdirSync(join(config, 'addins.d'), { recursive: true });
  const write = (name: string, value: unknown): void =>
    writeFileSync(join(config, name), `${JSON.stringify(value, null, 2)}\n`);
  write('config.json', {
    panel: { use: 'apiscp', root: panel.root },
    databases: [mysql.config, postgres.config],
  });
  write('addins.d/nightly.json', {
    name: 'nightly',
    provider: { use: 's3-tar' },
    store: { use: 'local', path: join(demo, 'store') },
    encryption: 'none',
  });
}

async function restoreAccounts(panel: SamplePanel, servers: Servers): Promise<void> {
  mkdirSync(join(demo, 'restored'));
  for (const { site, shadow, info } of panel.accounts) {
    const to = join(demo, 'restored', site);
    const report = await holdfast(['restore', 'latest', '--account', site, '--to', to, '--json']);
    for (const [name, live] of [
      ['shadow', shadow],
      ['info', info],
    ] as const) {
      rmSync(live, { recursive: true });
      renameSync(join(to, name), live);
    }
    await loadDatabases(servers, to, (JSON.parse(report) as RestoreDocument).databaseFiles);
  }
}

async function run(servers: Servers): Promise<number> {
  say(
    'A panel with four accounts: access lists, hard links, sparse files, two MariaDB and one PostgreSQL database each',
  );
  const panel = await buildSamplePanel(join(demo, 'panel'), { accounts: 4, filesPerAccount: 150 });
  const names = await populateDatabases({
    accounts: panel.accounts,
    mariadb: { socketPath: servers.mysql.config.socket, user: 'root' },
    postgresql: { host: '127.0.0.1', port: servers.postgres.port, user: 'postgres', database: 'postgres' },
  });
  writeConfiguration(panel, servers);
  await execute('cp', ['--archive', '--', panel.root, reference]);
  const before = await describeDatabases(servers, names);
  if ([...before.values()].includes(missing)) throw new Error('a database of the sample is missing');
  const copied = await treeDifferences(panel, reference);
  if (copied.found.length > 0)
    throw new Error(`the copy to compare with differs: ${copied.found.join(', ')}`);
  await holdfast(['accounts']);

  say('Back up all of it');
  // Tables without transactions are worth a warning, and so is their status.
  await holdfast(['backup'], [0, 100]);
  await holdfast(['verify', '--read-data']);

  say('A disaster: files deleted and overwritten, access lists and owners lost, databases dropped');
  await damageTrees(panel.accounts);
  await damageDatabases(servers, names);
  const damage = await treeDifferences(panel, reference);
  const lost = differences(before, await describeDatabases(servers, names));
  console.log(
    `${damage.found.length} differences in trees, ${lost.length} databases and lists of users damaged`,
  );
  if (damage.found.length < 100 || lost.length !== before.size)
    throw new Error('the damage did not take place');

  say('Restore, and put everything back in its place');
  await restoreAccounts(panel, servers);

  say('Compare with the copy taken before');
  const after = await treeDifferences(panel, reference);
  const databases = differences(before, await describeDatabases(servers, names));
  const found = [...after.found, ...databases.map((name) => `database: ${name}`)];
  for (const one of found) console.log(one);
  console.log(`compared ${after.entries} entries and ${before.size - 2} databases with their users`);
  return found.length;
}

rmSync(demo, { recursive: true, force: true });
mkdirSync(demo, { mode: 0o700 });
const [mysql, postgres] = await Promise.all([startMariadb(), startPostgresql()]);
try {
  const count = await run({ mysql, postgres });
  console.log(`${count} differences`);
  process.exitCode = count === 0 ? 0 : 1;
} finally {
  await Promise.all([mysql.stop(), postgres.stop()]);
}
