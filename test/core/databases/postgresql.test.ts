import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseExport, ExportSet } from '../../../src/core/contracts/database.ts';
import type { DatabaseSelector } from '../../../src/core/contracts/panel.ts';
import { type DatabaseInstanceConfig, openDatabaseEngine } from '../../../src/core/databases/index.ts';
import { clientsBelowUs, readBody, readExports, writeClient } from '../../support/clients.ts';
import { type PostgresqlServer, postgresqlClient, psql, startPostgresql } from '../../support/postgresql.ts';

const signal = new AbortController().signal;
const oddNames = ['odd_a"b\'c`d', 'odd_-- x', 'odd_new\nline;', 'odd_ü€ $(id)', 'odd_host=elsewhere', '-odd'];
let server: PostgresqlServer;
let scripts: string;

beforeAll(async () => {
  server = await startPostgresql();
  scripts = mkdtempSync(join(tmpdir(), 'hf-clients-'));
});

afterAll(async () => {
  rmSync(scripts, { recursive: true, force: true });
  await server.stop();
});

function open(config: Partial<DatabaseInstanceConfig> = {}) {
  return openDatabaseEngine({ ...server.config, ...config }, { now: () => performance.now() });
}

function selectorOf(prefix: string | null, admin: string | null = null): DatabaseSelector {
  return { family: 'postgresql', prefix, admin, names: [] };
}

async function exportAll(
  databases: readonly string[],
  config: Partial<DatabaseInstanceConfig> = {},
  selector = selectorOf(null),
): Promise<ExportSet> {
  return await (await open(config)).exports({ databases, selector, signal });
}

async function exportOne(
  database: string,
  config: Partial<DatabaseInstanceConfig> = {},
): Promise<DatabaseExport> {
  const [only] = (await exportAll([database], config)).exports;
  if (only === undefined) throw new Error('nothing exported');
  return only;
}

async function restore(archive: Uint8Array, database: string): Promise<void> {
  const path = join(scripts, 'archive.pgdump');
  writeFileSync(path, archive);
  await postgresqlClient(server, 'pg_restore', ['--exit-on-error', '-d', database, path], database);
}

async function textOf(database: string): Promise<string> {
  const text = await postgresqlClient(server, 'pg_dump', [], database);
  // A token of its own in every dump.
  return text.replace(/^\\(un)?restrict .*$/gm, '');
}

describe('discovering PostgreSQL databases', () => {
  beforeAll(async () => {
    await psql(server, 'CREATE ROLE exa LOGIN; CREATE ROLE wide LOGIN;');
    for (const name of ['exa_shop', 'exaorg_x', 'listed']) await psql(server, `CREATE DATABASE ${name}`);
    await psql(server, 'CREATE DATABASE owned OWNER exa');
    await psql(server, 'CREATE DATABASE granted; ');
    await psql(server, 'GRANT CREATE ON DATABASE granted TO exa; GRANT CONNECT ON DATABASE listed TO exa');
  });

  it('takes a prefix literally, and what the administrator owns or was granted', async () => {
    const found = await (await open()).discover({ selector: selectorOf('exa_', 'exa'), signal });
    expect(found.map(({ name, matchedBy }) => [name, matchedBy])).toEqual([
      ['exa_shop', 'prefix'],
      ['granted', 'owner'],
      ['owned', 'owner'],
    ]);
    expect(found[0]?.estimatedBytes).toBeGreaterThan(1e6);
  });

  it('leaves what begins with the longer prefix of another account', async () => {
    const others = { prefixes: ['exa_'], admins: [] };
    const found = await (await open()).discover({ selector: { ...selectorOf('ex', 'exa'), others }, signal });
    expect(found.map(({ name }) => name)).not.toContain('exa_shop');
  });

  it('leaves what another account has granted', async () => {
    await psql(server, 'DROP DATABASE IF EXISTS evil_bomb; DROP DATABASE IF EXISTS bait');
    await psql(server, 'DROP ROLE IF EXISTS evil_admin; CREATE ROLE evil_admin LOGIN');
    await psql(server, 'CREATE DATABASE evil_bomb OWNER evil_admin');
    await psql(server, 'CREATE DATABASE bait OWNER evil_admin');
    await psql(server, 'SET ROLE evil_admin; GRANT CREATE ON DATABASE evil_bomb, bait TO exa');
    const all = { prefixes: ['evil_', 'exa_', 'post'], admins: ['evil_admin', 'exa'] };
    const selector = { ...selectorOf('exa_', 'exa'), others: { prefixes: [], admins: [], all } };
    const found = await (await open()).discover({ selector, signal });
    expect(found.map(({ name }) => name)).toEqual(['exa_shop', 'granted', 'owned']);
  });

  it('takes one that its owner has made a template', async () => {
    await psql(server, 'ALTER DATABASE exa_shop IS_TEMPLATE true');
    const found = await (await open()).discover({ selector: selectorOf('exa_'), signal });
    expect(found.map(({ name }) => name)).toEqual(['exa_shop']);
  });

  it('takes names given outright where they exist, and never a system database', async () => {
    const selector = { ...selectorOf('p', 'postgres'), names: ['listed', 'gone', 'template1', 'postgres'] };
    const found = await (await open()).discover({ selector: { ...selector, admin: null }, signal });
    expect(found.map(({ name, matchedBy }) => [name, matchedBy])).toEqual([['listed', 'name']]);
  });

  it('says which server does not answer', async () => {
    const engine = await open({ port: 1 });
    await expect(engine.discover({ selector: selectorOf('x'), signal })).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
    });
    const exported = engine.exports({ databases: ['listed'], selector: selectorOf('x'), signal });
    await expect(exported).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
  });
});

describe('checking a PostgreSQL server', () => {
  it('describes server, client and privileges, over TCP and over its socket', async () => {
    for (const way of [{}, { socket: server.dir }, { socket: `${server.dir}/.s.PGSQL.${server.port}` }]) {
      const checks = await (await open(way)).check({ signal });
      expect(checks.filter(({ state }) => state !== 'ok')).toEqual([]);
      expect(checks.map(({ detail }) => detail).join()).toMatch(/server 1\d\..*pg_dump \(PostgreSQL\)/s);
    }
  });

  it('reports what fails and does not reject', async () => {
    const checks = await (await open({ port: 1, clientPath: '/nonexistent' })).check({ signal });
    expect(checks.map(({ name, state }) => [name, state])).toEqual([
      ['connection', 'error'],
      ['client', 'error'],
    ]);
    const narrow = await (await open({ user: 'wide' })).check({ signal });
    expect(narrow.filter(({ state }) => state !== 'ok').map(({ name }) => name)).toEqual([
      'privileges',
      'grants',
    ]);
  });
});

describe('exporting PostgreSQL databases', () => {
  it('keeps every kind of object through a restore', async () => {
    await psql(server, 'DROP DATABASE IF EXISTS kinds; CREATE DATABASE kinds');
    await psql(server, everyKind, 'kinds');
    await psql(server, 'DROP DATABASE IF EXISTS kinds2; CREATE DATABASE kinds2');
    const only = await exportOne('kinds');
    expect(only.format).toBe('pgdump');
    await restore(await readBody(only.body), 'kinds2');
    expect(await textOf('kinds2')).toBe(await textOf('kinds'));
    expect(await psql(server, 'SELECT lo_get(4242)', 'kinds2')).toBe('\\x00ff0a\n');
  });

  it('handles names that hold quotes, dashes, newlines and equal signs', async () => {
    for (const name of oddNames) {
      await psql(server, `CREATE DATABASE "${name.replaceAll('"', '""')}"`);
      await psql(server, "CREATE TABLE t AS SELECT 'here'::text AS v", name);
    }
    const found = await (await open()).discover({ selector: selectorOf('odd_'), signal });
    expect(found.map(({ name }) => name)).toEqual(oddNames.filter((name) => name.startsWith('odd_')).sort());
    const set = await exportAll(oddNames);
    expect(set.consistency).toBe('single');
    const dumps = await readExports(set.exports);
    await psql(server, 'DROP DATABASE IF EXISTS odd_target; CREATE DATABASE odd_target');
    for (const name of oddNames) {
      await psql(server, 'DROP TABLE IF EXISTS t', 'odd_target');
      await restore(dumps.get(name) ?? Buffer.alloc(0), 'odd_target');
      expect(await psql(server, 'SELECT v FROM t', 'odd_target')).toBe('here\n');
    }
  });

  it('lets one missing database fail alone', async () => {
    const { exports } = await exportAll(['vanished', 'listed']);
    const [vanished, listed] = exports;
    expect((await readBody(listed?.body ?? empty())).length).toBeGreaterThan(100);
    await expect(vanished?.result()).rejects.toMatchObject({ code: 'EXPORT_FAILED' });
    await expect(readBody(vanished?.body ?? empty())).rejects.toThrow('"vanished" does not exist');
  });

  it.each(["role = 'nobody'", "idle_session_timeout = '1ms'", "local_preload_libraries = 'nope'"])(
    'takes no setting of the database over: %s',
    async (setting) => {
      await psql(
        server,
        'DROP DATABASE IF EXISTS odd_settings; DROP ROLE IF EXISTS nobody; CREATE ROLE nobody',
      );
      await psql(server, 'CREATE DATABASE odd_settings');
      await psql(server, 'CREATE TABLE t AS SELECT 1 AS a', 'odd_settings');
      await psql(server, `ALTER DATABASE odd_settings SET ${setting}`);
      const only = await exportOne('odd_settings');
      expect((await readBody(only.body)).length).toBeGreaterThan(100);
    },
  );

  it.each(['SQL_ASCII', 'WIN1252'])('keeps what has no place in Unicode, of %s', async (encoding) => {
    for (const name of ['odd_bytes', 'odd_bytes2']) {
      await psql(server, `DROP DATABASE IF EXISTS ${name}`);
      await psql(server, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING '${encoding}' LOCALE 'C'`);
    }
    const value = `convert_from('\\xfc81'::bytea, '${encoding}')`;
    await psql(server, `CREATE TABLE t AS SELECT ${value} AS v`, 'odd_bytes');
    const only = await exportOne('odd_bytes');
    await restore(await readBody(only.body), 'odd_bytes2');
    const bytes = `SELECT convert_to(v, '${encoding}') FROM t`;
    expect(await psql(server, bytes, 'odd_bytes2')).toBe('\\xfc81\n');
  });

  it('gives pg_dump no limit that the database has set, and nothing that changes what its text means', async () => {
    await psql(server, 'DROP DATABASE IF EXISTS odd_limits; CREATE DATABASE odd_limits');
    for (const name of ['statement_timeout', 'lock_timeout'])
      await psql(server, `ALTER DATABASE odd_limits SET ${name} = '77min'`);
    // What pg_dump does not set itself, and text of a dump goes by.
    await psql(server, "ALTER DATABASE odd_limits SET lc_monetary = 'C.UTF-8'");
    await psql(server, 'ALTER DATABASE odd_limits SET standard_conforming_strings = off');
    const shown = ['statement_timeout', 'lock_timeout', 'lc_monetary', 'standard_conforming_strings'];
    const shows = shown.map((name) => `-c 'SHOW ${name}'`).join(' ');
    const script = `psql -XAt ${shows} | grep -E '77|UTF|off' && exit 9; pg_dump "$@"`;
    const clientPath = writeClient(scripts, 'unlimited-dump', script);
    const only = await exportOne('odd_limits', { clientPath });
    expect((await readBody(only.body)).length).toBeGreaterThan(100);
  });

  it('fails where row-level security would cut what the role sees', async () => {
    await psql(server, 'CREATE ROLE cut LOGIN; CREATE DATABASE secured');
    await psql(
      server,
      `CREATE TABLE t (i int); INSERT INTO t VALUES (1), (2); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
       CREATE POLICY p ON t USING (i = 1); GRANT ALL ON t TO cut`,
      'secured',
    );
    const { body } = await exportOne('secured', { user: 'cut' });
    await expect(readBody(body)).rejects.toMatchObject({
      code: 'EXPORT_FAILED',
      message: expect.stringContaining('row-level security'),
    });
  });
});

describe('a PostgreSQL dump that goes wrong', () => {
  beforeAll(async () => {
    await psql(server, 'DROP DATABASE IF EXISTS large; CREATE DATABASE large');
    await psql(
      server,
      "CREATE TABLE t AS SELECT repeat('x', 3000) AS v FROM generate_series(1, 5000)",
      'large',
    );
  });

  async function failureWith(script: string): Promise<unknown> {
    const clientPath = writeClient(scripts, 'false-dump', script);
    const only = await exportOne('large', { clientPath });
    const error = await readBody(only.body).then(
      () => null,
      (reason: unknown) => reason,
    );
    await expect(only.result()).rejects.toBe(error);
    return error;
  }

  const failed = (message: string) => ({ code: 'EXPORT_FAILED', message: expect.stringContaining(message) });

  it('fails when the archive is cut short with status 0, wherever', async () => {
    for (const bytes of [20, 5000, 1_000_000]) {
      const script = `pg_dump "$@" | head -c ${bytes}; exit 0`;
      expect(await failureWith(script)).toMatchObject(failed('cannot be read back'));
    }
    // One byte less than all.
    expect(await failureWith('pg_dump "$@" | head -c -1; exit 0')).toMatchObject(
      failed('cannot be read back'),
    );
  });

  it('fails when all came and the status is not 0, or nothing came', async () => {
    expect(await failureWith('pg_dump "$@"; echo no space >&2; exit 3')).toMatchObject(
      failed('ended with status 3: no space'),
    );
    expect(await failureWith('exit 0')).toMatchObject(failed('printed nothing'));
  });

  it('fails when the client is killed halfway', async () => {
    const only = await exportOne('large');
    const reading = (async () => {
      let first = true;
      for await (const _ of only.body) {
        if (first) for (const { pid } of clientsBelowUs('pg_dump')) process.kill(pid, 'SIGKILL');
        first = false;
      }
    })();
    await expect(reading).rejects.toMatchObject(failed('was killed by SIGKILL'));
  });

  it('leaves no client behind when aborted, abandoned or closed', async () => {
    const engine = await open({ clientPath: writeClient(scripts, 'wrapped-dump', 'pg_dump "$@"') });
    const start = async (from: AbortSignal) => {
      const set = await engine.exports({ databases: ['large'], selector: selectorOf(null), signal: from });
      expect(clientsBelowUs('pg_dump').length).toBeGreaterThan(0);
      return set.exports[0] ?? (await exportOne('large'));
    };
    const clients = () => [...clientsBelowUs('pg_dump'), ...clientsBelowUs('pg_restore')];
    const abort = new AbortController();
    const aborted = await start(abort.signal);
    const reading = (async () => {
      for await (const _ of aborted.body) abort.abort();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(clients()).toEqual([]);
    const abandoned = await start(signal);
    for await (const _ of abandoned.body) break;
    await expect(abandoned.result()).rejects.toMatchObject({ code: 'EXPORT_FAILED' });
    expect(clients()).toEqual([]);
    await start(signal);
    await engine.close();
    expect(clients()).toEqual([]);
  });
});

describe('roles of a PostgreSQL server', () => {
  it('log in through a password that no command line shows', async () => {
    const password = 'p#"w\' $;`\\';
    await psql(
      server,
      `CREATE ROLE "odd user" SUPERUSER LOGIN PASSWORD E'${password.replace(/['\\]/g, '\\$&')}'`,
    );
    const { exports } = await exportAll(['large'], { user: 'odd user', password });
    const lines = clientsBelowUs('pg_dump').map(({ commandLine }) => commandLine);
    expect(lines.length).toBe(1);
    expect(lines.join()).not.toContain('p#');
    await readExports(exports);
  });

  it('are kept beside each export as SQL that replays', async () => {
    await psql(
      server,
      `CREATE ROLE acc LOGIN PASSWORD 'secret' CONNECTION LIMIT 20; CREATE ROLE "acc_o'd""d" NOINHERIT VALID UNTIL '2031-01-01';
       CREATE ROLE stranger LOGIN; GRANT acc TO "acc_o'd""d" WITH ADMIN OPTION; GRANT stranger TO acc;
       ALTER ROLE acc SET search_path = '$user', "o""dd, x"; ALTER ROLE acc SET statement_timeout = '5s';
       CREATE DATABASE acc_db OWNER acc`,
    );
    await psql(
      server,
      `REVOKE ALL ON DATABASE acc_db FROM PUBLIC; GRANT CONNECT ON DATABASE acc_db TO stranger;
       GRANT TEMP ON DATABASE acc_db TO "acc_o'd""d" WITH GRANT OPTION; ALTER ROLE acc IN DATABASE acc_db SET work_mem = '8MB'`,
    );
    const { exports } = await exportAll(['acc_db'], {}, selectorOf('acc_', 'acc'));
    await readExports(exports);
    const { besides, warnings } = (await exports[0]?.result()) ?? { besides: [], warnings: [] };
    expect(warnings).toEqual([]);
    const text = besides.find(({ suffix }) => suffix === 'grants.sql')?.text ?? '';
    expect(text).toContain('SCRAM-SHA-256$');
    expect(text).not.toMatch(/CREATE ROLE "stranger"/);
    const state = `SELECT rolname, rolpassword, rolinherit, rolconnlimit, rolvaliduntil FROM pg_authid WHERE rolname LIKE 'acc%' ORDER BY 1;
      SELECT datname, datdba::regrole, (SELECT array_agg(x ORDER BY x) FROM unnest(datacl::text[]) x) FROM pg_database WHERE datname = 'acc_db';
      SELECT roleid::regrole, member::regrole, admin_option FROM pg_auth_members WHERE roleid::regrole::text LIKE '%acc%' OR member::regrole::text LIKE '%acc%' ORDER BY 1::text, 2::text;
      SELECT setrole::regrole, setconfig FROM pg_db_role_setting ORDER BY 1::text, 2;`;
    const before = await psql(server, state);
    await psql(server, `DROP DATABASE acc_db; DROP ROLE "acc_o'd""d"; DROP ROLE acc; CREATE DATABASE acc_db`);
    for (let time = 0; time < 2; time += 1) await psql(server, text);
    expect(await psql(server, state)).toBe(before);
  });

  it('lose their passwords, with a warning, where those may not be read', async () => {
    await psql(server, 'CREATE ROLE limited LOGIN; CREATE DATABASE plain OWNER limited');
    const { exports } = await exportAll(['plain'], { user: 'limited' });
    await readExports(exports);
    const result = await exports[0]?.result();
    expect(result?.warnings.map(({ code }) => code)).toEqual(['roles-without-passwords']);
  });
});

async function* empty(): AsyncGenerator<Uint8Array> {}

const everyKind = `
CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text, b bytea, m mood, p positive,
  g int GENERATED ALWAYS AS (p + 1) STORED, r real, d double precision, n numeric, at timestamptz, j jsonb, a int[]);
INSERT INTO t (v, b, m, p, r, d, n, at, j, a) VALUES (E'𝄞 \\\\ '' \\n \\t', '\\x00ff0a', 'glad', 4, 1.17549435e-38,
  0.1, 12345678901234567890.123456789, '2020-02-02 02:02:02.123456+00', '{"a": 1}', '{1,2}'), (NULL, '', NULL, NULL, 'NaN',
  'Infinity', NULL, 'infinity', NULL, '{}');
CREATE TABLE parts (i int) PARTITION BY RANGE (i); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (9);
INSERT INTO parts VALUES (3); CREATE UNLOGGED TABLE fleeting AS SELECT 1 AS one; CREATE SEQUENCE s START 5; SELECT nextval('s');
CREATE VIEW v AS SELECT id, v FROM t; CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM t;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := coalesce(NEW.v, ''); RETURN NEW; END $$;
CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (p > 0); COMMENT ON TABLE t IS 'a "comment"';
SELECT lo_from_bytea(4242, '\\x00ff0a'); CREATE INDEX ON t USING gin (j);
`;
