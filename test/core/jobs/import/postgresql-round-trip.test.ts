import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dropExpired } from '../../../../src/core/jobs/import/recover.ts';
import {
  contextOf,
  exportToFile,
  makeImportDirectory,
  runImport,
  runUndo,
  selectorOf,
} from '../../../support/imports.ts';
import {
  type PostgresqlServer,
  postgresqlClient,
  psql,
  startPostgresql,
} from '../../../support/postgresql.ts';
import { populateDatabases } from '../../../support/sample-databases.ts';

const selector = selectorOf('postgresql', 'exa_', 'exaadmin');
let from: PostgresqlServer;
let to: PostgresqlServer;
let dir: string;

const rich = `
  CREATE EXTENSION hstore; CREATE EXTENSION pg_trgm;
  CREATE SEQUENCE odd_ids START 17 INCREMENT 3; SELECT nextval('odd_ids');
  CREATE TABLE facts (id int PRIMARY KEY DEFAULT nextval('odd_ids'), r real, d double precision, h hstore, b bytea,
    upper text GENERATED ALWAYS AS (upper(t)) STORED, t text);
  INSERT INTO facts (r, d, h, b, t) VALUES (1.1754943508222875e-38, 0.1, 'a=>1', '\\x00ff5c0a', E'tab\\t\\\\.\\nnl'), (3.4028235e38, 1e-300, NULL, NULL, NULL);
  CREATE TABLE secrets (id int PRIMARY KEY, who text); INSERT INTO secrets SELECT i, 'user' || i FROM generate_series(1, 40) i;
  CREATE MATERIALIZED VIEW secret_count AS SELECT count(*) FROM secrets;
  CREATE POLICY own ON secrets USING (who = current_setting('app.user')); ALTER TABLE secrets ENABLE ROW LEVEL SECURITY; ALTER TABLE secrets FORCE ROW LEVEL SECURITY;
  CREATE UNLOGGED TABLE cache (k text); INSERT INTO cache VALUES ('x;'), ('\\.');
  CREATE FUNCTION atomic_add(a int, b int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a + b; SELECT CASE WHEN a > 0 THEN a + b ELSE 0 END; END;
  CREATE FUNCTION noisy() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $body$ BEGIN RETURN $x$; \\! id $x$; END $body$;
  CREATE FUNCTION overlap(begin date, "end" date) RETURNS int LANGUAGE sql AS $$ SELECT 1; SELECT begin - "end" $$;
  CREATE TABLE kids (id int REFERENCES facts); CREATE RULE no_del AS ON DELETE TO kids DO INSTEAD (NOTIFY x; NOTIFY y);
  CREATE VIEW v1 AS SELECT id FROM facts; CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
  ALTER DEFAULT PRIVILEGES FOR ROLE exaadmin GRANT SELECT ON TABLES TO exa_app; GRANT SELECT ON facts TO exa_app;
  ALTER DEFAULT PRIVILEGES FOR ROLE exaadmin REVOKE ALL ON FUNCTIONS FROM PUBLIC; ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON SEQUENCES TO exa_app WITH GRANT OPTION;
  COMMENT ON POLICY own ON secrets IS 'it is'; REVOKE ALL ON secrets FROM exaadmin; GRANT SELECT ON secrets TO exaadmin;
  ALTER TABLE kids OWNER TO exa_app; REVOKE UPDATE, DELETE ON kids FROM exa_app; COMMENT ON TABLE facts IS 'it''s; $$ here';`;

beforeAll(async () => {
  [from, to] = await Promise.all([startPostgresql(), startPostgresql()]);
  dir = makeImportDirectory();
  const { host, port, user } = from.config;
  await populateDatabases({
    accounts: [{ prefix: 'exa_', adminUser: 'exaadmin' }],
    postgresql: { host, port, user: user ?? '' },
  });
  await psql(from, 'CREATE DATABASE exa_rich OWNER exaadmin');
  await psql(
    from,
    `SET ROLE exaadmin; ${rich.replace('ALTER TABLE kids OWNER', 'RESET ROLE; ALTER TABLE kids OWNER')}`,
    'exa_rich',
  );
  await psql(to, 'CREATE ROLE exaadmin LOGIN; CREATE ROLE exa_app LOGIN; GRANT exaadmin TO exa_app');
});

afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await Promise.all([from.stop(), to.stop()]);
});

/** What pg_dump says of it, without what differs each time. */
async function described(server: PostgresqlServer, database: string): Promise<string> {
  const text = await postgresqlClient(server, 'pg_dump', ['--restrict-key=x'], database);
  const secrets = await psql(server, 'SELECT * FROM secret_count', database).catch(() => '');
  return `${text}\n${secrets}`;
}

const leftovers = async (): Promise<string> =>
  (await psql(to, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'holdfast%'")) +
  (await psql(to, "SELECT datname FROM pg_database WHERE datname LIKE 'holdfast%'"));

describe('importing PostgreSQL databases into another server', () => {
  it.each(['exa_app', 'exa_rich'])('brings back everything of %s', async (database) => {
    const file = join(dir, `${database}.pgdump`);
    await exportToFile(from.config, database, selector, file);
    const context = await contextOf(to.config, selector, dir);

    const report = await runImport(context, file, database);

    expect(report.warnings).toEqual([]);
    expect(await described(to, database)).toBe(await described(from, database));
    expect(await leftovers()).toBe('');
  });

  it('gives a database that is gone its encoding and locale, and says where it does not know them', async () => {
    await psql(from, 'DROP DATABASE IF EXISTS exa_latin');
    await psql(
      from,
      "CREATE DATABASE exa_latin OWNER exaadmin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
    );
    await psql(from, 'SET ROLE exaadmin; CREATE TABLE public.t AS SELECT chr(233) AS e', 'exa_latin');
    const file = join(dir, 'latin.pgdump');
    await exportToFile(from.config, 'exa_latin', selector, file);
    const context = await contextOf(to.config, selector, dir);
    await psql(to, 'DROP DATABASE IF EXISTS exa_latin');

    expect((await runImport(context, file, 'exa_latin')).warnings).toEqual([]);
    const is = (name: string) =>
      psql(
        to,
        `SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname = '${name}'`,
      );
    expect(await is('exa_latin')).toBe('LATIN1|C|C\n');
    expect(await psql(to, 'SELECT ascii(e) FROM t', 'exa_latin')).toBe('233\n');

    const plain = await postgresqlClient(from, 'pg_dump', ['-E', 'UTF8'], 'exa_latin');
    const elsewhere =
      "-- CREATE DATABASE x WITH TEMPLATE = template0 ENCODING = 'LATIN1' LOCALE = 'xx_XX';\n";
    for (const [said, encoding] of [
      ['', 'UTF8'],
      [elsewhere, 'LATIN1'],
    ]) {
      const sql = join(dir, 'latin.sql');
      writeFileSync(sql, `${said}${plain}`);
      await psql(to, 'DROP DATABASE exa_latin');
      const { warnings } = await runImport(context, sql, 'exa_latin');
      expect(warnings).toMatchObject([{ code: 'locale-unknown' }]);
      expect(await is('exa_latin')).toContain(`${encoding}|`);
    }
  });

  it('reads a dump in plain SQL', async () => {
    const file = join(dir, 'plain.sql');
    writeFileSync(file, await postgresqlClient(from, 'pg_dump', [], 'exa_rich'));
    const context = await contextOf(to.config, selector, dir);

    const report = await runImport(context, file, 'exa_rich', { place: { kind: 'as', name: 'exa_plain' } });

    expect(report.tables).toContainEqual({ name: 'public.secrets', rows: 40 });
    expect(await described(to, 'exa_plain')).toBe(await described(from, 'exa_rich'));
  });

  it('brings the rows of chosen tables only', async () => {
    const file = join(dir, 'exa_app.pgdump');
    const context = await contextOf(to.config, selector, dir);
    const report = await runImport(context, file, 'exa_app', {
      place: { kind: 'beside' },
      tables: ['customers'],
    });
    expect(report.database).toBe('exa_app_restored');
    expect(
      await psql(
        to,
        'SELECT count(*) FROM sales.customers; SELECT count(*) FROM sales.orders',
        'exa_app_restored',
      ),
    ).toBe('50\n0\n');
  });
});

describe('replacing a live PostgreSQL database', () => {
  it('exchanges it under open sessions, carries its settings over, and brings the old one back', async () => {
    await psql(
      to,
      `ALTER DATABASE exa_app CONNECTION LIMIT 7 IS_TEMPLATE true; REVOKE CONNECT ON DATABASE exa_app FROM PUBLIC; GRANT CONNECT ON DATABASE exa_app TO exa_app WITH GRANT OPTION;
      ALTER DATABASE exa_app SET work_mem TO '9MB'; ALTER ROLE exa_app IN DATABASE exa_app SET search_path TO sales, "odd ""name"; COMMENT ON DATABASE exa_app IS 'the app';`,
    );
    await psql(to, 'DELETE FROM sales.events; CREATE TABLE newer (a int)', 'exa_app');
    const properties = `SELECT datconnlimit, datistemplate, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a), datallowconn, pg_get_userbyid(datdba), shobj_description(oid, 'pg_database'),
      (SELECT array_agg(setconfig::text ORDER BY setconfig::text) FROM pg_db_role_setting WHERE setdatabase = d.oid) FROM pg_database d WHERE datname = 'exa_app'`;
    const before = await psql(to, properties);
    const { host, port, user } = to.config;
    const client = new Client({ host, port, user: user ?? '', database: 'exa_app' });
    client.on('error', () => {});
    await client.connect();
    const context = await contextOf(to.config, selector, dir);

    const report = await runImport(context, join(dir, 'exa_app.pgdump'), 'exa_app', {
      place: { kind: 'replace' },
    });

    expect(await described(to, 'exa_app')).toBe(await described(from, 'exa_app'));
    expect(await psql(to, properties)).toBe(before);
    await expect(psql(to, 'SELECT 1', report.kept ?? '')).rejects.toThrow(
      'not currently accepting connections',
    );
    await client.end().catch(() => {});

    await runUndo(context, 'exa_app');
    expect(await psql(to, 'SELECT count(*) FROM newer', 'exa_app')).toBe('0\n');
    expect(await psql(to, properties)).toBe(before);

    const late = { ...context, now: () => Date.now() + 2 * context.keepMs };
    await dropExpired({ ...late, importers: [context.importer], locked: null });
    expect(await leftovers()).toBe('');
  });
});
