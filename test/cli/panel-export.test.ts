/** Backups whose dumps the panel's own exporter makes. */

import { lutimesSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';
import { writeClient } from '../support/clients.ts';
import { type MariadbServer, mariadb, startMariadb } from '../support/mariadb.ts';
import { buildSamplePanel, type SamplePanel } from '../support/sample-panel.ts';

let site: CliSite;
let panel: SamplePanel;
let mysql: MariadbServer;
let dumps: string;

beforeAll(async () => {
  const dir = makeDirectory();
  [panel, mysql] = await Promise.all([
    buildSamplePanel(join(dir, 'panel'), { accounts: 1, filesPerAccount: 5 }),
    startMariadb(),
  ]);
  await mariadb(
    mysql,
    `CREATE DATABASE exa_wp; CREATE TABLE exa_wp.posts (id int); INSERT INTO exa_wp.posts VALUES (7);
     CREATE DATABASE exa_shop; CREATE TABLE exa_shop.orders (id int)`,
  );
  site = makeSite({}, dir);
  dumps = join(panel.accounts[0]!.shadow, 'home', panel.accounts[0]!.adminUser, 'mysql_backups');
  mkdirSync(dumps, { recursive: true });
});
afterAll(async () => {
  await mysql?.stop();
  site?.remove();
});

const yesterday = Date.now() / 1000 - 86_400;
/** Names differ from second to second, as those of the panel do. */
let second = 10;
beforeEach(() => {
  second += 1;
});

async function backUp(script: string) {
  // As after a night: a dump of the second before a run would still count as new.
  for (const name of readdirSync(dumps)) lutimesSync(join(dumps, name), yesterday, yesterday);
  const command = writeClient(site.dir, 'backup_dbs', script.replaceAll('TIME', `203001010000${second}`));
  writeJson(join(site.config, 'config.json'), {
    panel: { use: 'apiscp', root: panel.root },
    databases: [mysql.config],
    export: 'panel',
    panelExport: { command: [command, '--force'] },
  });
  const result = await site.holdfast('backup', '--account', 'site1', '--json');
  const document = documentOf<BackupDocument>('backup', result);
  const components = document.snapshots[0]?.components.filter(({ type }) => type === 'database') ?? [];
  return { ...result, document, components };
}

const dump = (database: string, how: string) =>
  `mariadb-dump --no-defaults -uroot -S '${mysql.config.socket}' ${database} ${how}`;

describe('the exporter of the panel', () => {
  it('makes the dumps, which are captured as exports, and the manifest says so', async () => {
    const { status, document, components } = await backUp(
      `[ "$1" = --force ] && ${dump('exa_wp', `> '${dumps}/exa_wp-TIME.sql'`)}
       ${dump('exa_shop', `| gzip > '${dumps}/exa_shop-TIME.sql.gz'`)}`,
    );
    const to = join(site.dir, `to-${second}`);
    await site.holdfast('restore', document.snapshots[0]!.id, '--database', 'exa_wp', '--to', to);

    expect(components.map(({ name, consistency, error }) => [name, consistency, error])).toEqual([
      ['mariadb/exa_shop', 'panel', null],
      ['mariadb/exa_wp', 'panel', null],
    ]);
    expect([0, errorCodes.FINISHED_WITH_WARNINGS.exit]).toContain(status);
    expect(readFileSync(join(to, 'databases/mariadb/exa_wp.sql'), 'utf8')).toContain('(7)');
  });

  it('may pack a dump into zip', async () => {
    const { components } = await backUp(
      `${dump('exa_wp', `> '${dumps}/x.sql'`)}; cd '${dumps}'; bsdtar -a -cf exa_wp-TIME.zip x.sql; rm x.sql
       ${dump('exa_shop', `> '${dumps}/exa_shop-TIME.sql'`)}`,
    );
    expect(components.map(({ state }) => state)).toEqual(['complete', 'complete']);
  });

  it('fails for a database whose dump is missing, old, cut short or a link; the others are kept', async () => {
    const whole = dump('exa_shop', `> '${dumps}/exa_shop-TIME.sql'`);
    for (const [script, words] of [
      [whole, 'no new dump'],
      [`${whole}; ${dump('exa_wp', `| head -c 500 > '${dumps}/exa_wp-TIME.sql'`)}`, 'cut short'],
      [`${whole}; ln -s /etc/passwd '${dumps}/exa_wp-29990101000000.sql'`, 'no new dump'],
      [
        `${whole}; ${dump('exa_wp', `> '${dumps}/one'`)}; ln -f '${dumps}/one' '${dumps}/exa_wp-TIME.sql'`,
        'no ordinary file',
      ],
    ] as const) {
      second += 1;
      const { status, components } = await backUp(script);
      expect(status).toBe(errorCodes.SNAPSHOT_PARTIAL.exit);
      expect(components.map(({ state }) => state)).toEqual(['complete', 'failed']);
      expect(components[1]?.error?.message).toContain(words);
    }
  });

  it('fails all databases, and no files, where it ends with an error', async () => {
    const { status, components } = await backUp('echo "no licence" >&2; exit 3');
    expect(status).toBe(errorCodes.SNAPSHOT_PARTIAL.exit);
    expect(components.map(({ error }) => error?.message)).toEqual(
      Array.from({ length: 2 }, () => expect.stringContaining('status 3: no licence')),
    );
  });

  it('has to be described', async () => {
    writeJson(join(site.config, 'config.json'), {
      panel: { use: 'apiscp', root: panel.root },
      databases: [mysql.config],
      export: 'panel',
    });
    const { status, stderr } = await site.holdfast('backup');
    expect(status).toBe(errorCodes.CONFIG_INVALID.exit);
    expect(stderr).toContain('panelExport');
  });
});
