/**
 * Writes `test/fixtures/format-v1` anew: by hand, once for each version of the format, and never to make a test pass.
 *
 * usage: node test/support/write-format-fixture.ts      as root; starts a MariaDB
 */

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory, makeSite, writeJson } from './cli.ts';
import { mariadb, startMariadb } from './mariadb.ts';
import { runPython } from './run-python.ts';

const target = join(import.meta.dirname, '../fixtures/format-v1');
const dir = makeDirectory();
const home = join(dir, 'home/anna');
const server = await startMariadb();
const site = makeSite(
  {
    panel: {
      use: 'generic',
      accounts: [{ path: join(dir, 'home/*'), databases: [{ family: 'mysql', prefix: '{name}_' }] }],
    },
    databases: [server.config],
  },
  dir,
);

/** What each release brings itself. */
const isOfRelease = (path: string): boolean => /\/(?:rescue\.py|RESTORE\.md)$/.test(path);

async function holdfast(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await site.holdfast(...args);
  if (status !== 0) throw new Error(`${args.join(' ')}: ${status}\n${stdout}${stderr}`);
  return stdout;
}

try {
  await mariadb(
    server,
    `CREATE DATABASE anna_shop; USE anna_shop; CREATE TABLE orders (id INT PRIMARY KEY, text VARCHAR(80));
     INSERT INTO orders VALUES (1, 'the only order');`,
  );
  const identity = join(dir, 'identity');
  mkdirSync(join(dir, 'home'), { recursive: true });
  await holdfast('key', 'generate', '--to', identity, '--sheet', join(dir, 'sheet'));
  const recipient = /age1[0-9a-z]+/.exec(readFileSync(identity, 'utf8'))![0];
  const encryptions = { plain: 'none', encrypted: { recipients: [recipient], identity: `file:${identity}` } };
  for (const [name, encryption] of Object.entries(encryptions)) {
    const store = { use: 'local', path: join(dir, name) };
    const configuration = { name, provider: { use: 'chain' }, store, encryption };
    writeJson(join(site.config, `addins.d/${name}.json`), configuration);
  }
  rmSync(join(site.config, 'addins.d/nightly.json'));
  for (const [step, level] of [
    ['1', 'full'],
    ['2', 'incremental'],
  ] as const) {
    await runPython('format_tree.py', [home, step]);
    for (const name of Object.keys(encryptions)) {
      const { stdout } = await site.holdfast(
        'backup',
        '--addin',
        name,
        '--account',
        'anna',
        '--level',
        level,
      );
      process.stdout.write(stdout);
    }
  }
  const { server: uuid } = JSON.parse(await holdfast('snapshots', '--addin', 'plain', '--json')).snapshots[0];
  const signer = /[0-9a-f]{64}/.exec((await site.holdfast('doctor')).stdout)![0];
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  for (const name of Object.keys(encryptions))
    cpSync(join(dir, name), join(target, name), { recursive: true, filter: (path) => !isOfRelease(path) });
  cpSync(identity, join(target, 'identity'));
  writeFileSync(join(target, 'origin.json'), `${JSON.stringify({ server: uuid, signer }, null, 2)}\n`);
} finally {
  await server.stop();
  site.remove();
}
