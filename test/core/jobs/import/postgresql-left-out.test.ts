/** What an import cannot bring back and tells of, and a server that goes away meanwhile. */

import { once } from 'node:events';
import { chownSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadScript } from '../../../../src/core/databases/postgresql/import-load.ts';
import { foreignMoney, moneyWarning } from '../../../../src/core/databases/postgresql/import-money.ts';
import { openImportSession } from '../../../../src/core/databases/postgresql/import-session.ts';
import { openSession } from '../../../../src/core/databases/postgresql/session.ts';
import { recoverImports } from '../../../../src/core/jobs/import/recover.ts';
import type { ImportEvent } from '../../../../src/core/jobs/import/types.ts';
import {
  contextOf,
  exportToFile,
  importSignal,
  makeImportDirectory,
  runImport,
  selectorOf,
} from '../../../support/imports.ts';
import { type PostgresqlServer, psql, startPostgresql } from '../../../support/postgresql.ts';

const selector = selectorOf('postgresql', 'exa_', 'exaadmin');
let postgres: PostgresqlServer;
let dir: string;

beforeAll(async () => {
  postgres = await startPostgresql();
  dir = makeImportDirectory();
  await psql(postgres, 'CREATE ROLE exaadmin LOGIN; CREATE ROLE exa_app LOGIN; CREATE ROLE loader LOGIN');
});

afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await postgres.stop();
});

async function anew(database: string, sql: string, owner = 'exaadmin'): Promise<void> {
  await psql(postgres, `DROP DATABASE IF EXISTS ${database}`);
  await psql(postgres, `CREATE DATABASE ${database} OWNER ${owner}`);
  await psql(postgres, sql, database);
}

describe('what needs an administrator', () => {
  it('is left out of an import and named: default privileges of others, operator classes', async () => {
    await anew(
      'exa_rights',
      `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO exa_app;
       ALTER DEFAULT PRIVILEGES FOR ROLE exaadmin GRANT SELECT ON TABLES TO exa_app;
       CREATE OPERATOR CLASS public.mine FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
       ALTER OPERATOR CLASS public.mine USING btree OWNER TO exaadmin; COMMENT ON OPERATOR CLASS public.mine USING btree IS 'x';
       CREATE TABLE public.t (a int);`,
    );
    const file = join(dir, 'rights.pgdump');
    await exportToFile(postgres.config, 'exa_rights', selector, file);
    const context = await contextOf(postgres.config, selector, dir);
    const { warnings } = await runImport(context, file, 'exa_rights', { place: { kind: 'replace' } });
    const of = (code: string) => warnings.filter((one) => one.code === code).map(({ message }) => message);
    expect(of('import-left-out').join()).toMatch(
      /operator classes and families.*default privileges of "postgres"/s,
    );
    expect(of('owner-replaced').join()).toContain('"postgres"');
    const defaults = 'SELECT pg_get_userbyid(defaclrole) FROM pg_default_acl';
    expect(await psql(postgres, defaults, 'exa_rights')).toBe('exaadmin\n');
  });

  it('is neither a tablespace in which the account may make something, nor a comment on what is left out', async () => {
    const places = ['open', 'shut'].map((name) => [name, join(postgres.dir, name)] as const);
    for (const [name, path] of places) {
      mkdirSync(path);
      const { uid, gid } = statSync(join(postgres.dir, 'data'));
      chownSync(path, uid, gid);
      await psql(postgres, `CREATE TABLESPACE ${name} LOCATION '${path}'`);
    }
    await psql(postgres, 'GRANT CREATE ON TABLESPACE open TO exa_app');
    await anew(
      'exa_places',
      `CREATE TABLE a (i int PRIMARY KEY) TABLESPACE open; CREATE TABLE b (i int CONSTRAINT k REFERENCES a) TABLESPACE shut; COMMENT ON CONSTRAINT k ON b IS 'x';
       CREATE PUBLICATION p FOR TABLE a; COMMENT ON PUBLICATION p IS 'x';
       CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 dbname=x' PUBLICATION p WITH (connect = false, slot_name = NONE);`,
    );
    const file = join(dir, 'places.pgdump');
    await exportToFile(postgres.config, 'exa_places', selector, file);
    const context = await contextOf(postgres.config, selector, dir);
    const { warnings } = await runImport(context, file, 'exa_places', {
      place: { kind: 'beside' },
      tables: ['b'],
    });
    const told = warnings.map(({ message }) => message).join();
    expect(told).toMatch(/publications, subscriptions.*tablespace "shut"/s);
    const where =
      "SELECT relname, spcname FROM pg_class c LEFT JOIN pg_tablespace t ON t.oid = reltablespace WHERE relname IN ('a', 'b') ORDER BY 1";
    expect(await psql(postgres, where, 'exa_places_restored')).toBe('a|open\nb|\n');
  });

  it('is told of where it cannot be had: a materialized view, a policy for nobody, a comment on an extension', async () => {
    const sql = `SELECT pg_catalog.set_config('search_path', '', false); SET check_function_bodies = false;
      CREATE EXTENSION hstore WITH SCHEMA public; COMMENT ON EXTENSION hstore IS 'mine'; COMMENT ON EXTENSION plpgsql IS 'PL/pgSQL procedural language';
      CREATE TABLE public.base (a int); CREATE FUNCTION public.h(int) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT count(*) FROM base';
      CREATE MATERIALIZED VIEW public.m AS SELECT public.h(1) AS x WITH NO DATA; CREATE UNIQUE INDEX ON public.m (x);
      CREATE POLICY p ON public.base TO nobody_here USING (true); COMMENT ON POLICY p ON public.base IS 'x'; ALTER TABLE public.base ENABLE ROW LEVEL SECURITY;
      REFRESH MATERIALIZED VIEW public.m;`;
    const file = join(dir, 'unfilled.sql');
    writeFileSync(
      file,
      `-- PostgreSQL database dump\n\n${sql}\n--\n-- PostgreSQL database dump complete\n--\n\n`,
    );
    const context = await contextOf(postgres.config, selector, dir);
    const { warnings } = await runImport(context, file, 'exa_unfilled');
    const told = warnings.filter(({ code }) => /unfilled|missing|left-out/.test(code));
    expect(told).toMatchObject([
      { code: 'role-missing', message: expect.stringContaining('"public.base.p"') },
      {
        code: 'view-unfilled',
        message: expect.stringMatching(/"public.m" \(relation "base" does not exist\)/),
      },
    ]);
    const state = `SELECT relispopulated, (SELECT relrowsecurity FROM pg_class WHERE relname = 'base'), (SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'hstore')
      FROM pg_class WHERE relname = 'm'`;
    expect(await psql(postgres, state, 'exa_unfilled')).toBe('f|t|mine\n');
  });

  it('are rows, sequences and rights of what an extension has made', async () => {
    // As CREATE EXTENSION of one with tables of its own would have left it.
    await anew(
      'exa_scratch',
      `CREATE EXTENSION hstore; CREATE TABLE closed (a int); CREATE TABLE open (a int); CREATE TABLE hidden (a int); CREATE SEQUENCE numbers;
       ALTER EXTENSION hstore ADD TABLE closed; ALTER EXTENSION hstore ADD TABLE open; ALTER EXTENSION hstore ADD TABLE hidden;
       ALTER EXTENSION hstore ADD SEQUENCE numbers; GRANT ALL ON open TO PUBLIC; INSERT INTO open VALUES (1);`,
      'loader',
    );
    const script = `COPY public.closed (a) FROM stdin;\n7\n8\n\\.\nCOPY public.hidden (a) FROM stdin;\n\\.\nINSERT INTO public.closed VALUES (9);
      COPY public.open (a) FROM stdin;\n7\n\\.\nSELECT pg_catalog.setval('public.numbers', 5, true);\nGRANT ALL ON TABLE public.closed TO exa_app;\nGRANT ALL ON TABLE public.open TO exa_app;
      CREATE TABLE public.own (a int);\nCOPY public.own (a) FROM stdin;\n1\n\\.\n`;
    const session = await openImportSession(
      { ...postgres.config, user: 'loader' },
      'exa_scratch',
      importSignal,
    );
    const roles = {
      owner: 'exaadmin',
      all: new Set(['exaadmin']),
      existing: new Set(['exaadmin', 'exa_app']),
      superusers: new Set<string>(),
    };
    const loaded = await loadScript(session, chunksOf(script), {
      roles,
      standIns: async () => ({ of: new Map(), guests: [] }),
      guests: { create: unused, open: unused, part: unused },
      tables: null,
      extension: async () => {},
    });
    await session.close();
    expect(loaded.counted).toEqual([{ name: 'public.own', rows: 1 }]);
    expect([...loaded.leftOut]).toEqual([
      'rows of "public.closed", which an extension has made',
      expect.stringContaining('setval'),
      expect.stringContaining('GRANT ALL ON TABLE public.closed'),
      expect.stringContaining('GRANT ALL ON TABLE public.open'),
    ]);
    const rows = 'SELECT (SELECT count(*) FROM closed), (SELECT count(*) FROM open)';
    expect(await psql(postgres, rows, 'exa_scratch')).toBe('0|2\n');
  });
});

const unused = async (): Promise<never> => {
  throw new Error("nothing here is a guest's");
};

async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

describe('amounts of money', () => {
  it('are read as exports write them, and told of where the server writes others', async () => {
    await anew(
      'exa_money',
      `ALTER DATABASE exa_money SET lc_monetary = 'C.UTF-8'; ALTER DATABASE exa_money SET timezone = 'Asia/Tokyo'; CREATE TABLE t (m money);
       CREATE MATERIALIZED VIEW v AS SELECT current_setting('timezone') AS zone, current_setting('lc_monetary') AS money;`,
    );
    const file = join(dir, 'money.pgdump');
    await exportToFile(postgres.config, 'exa_money', selector, file);
    const context = await contextOf(postgres.config, selector, dir);
    const { warnings } = await runImport(context, file, 'exa_money', { place: { kind: 'replace' } });
    expect(warnings.map(({ code }) => code)).not.toContain('money-unsure');
    expect(await psql(postgres, 'SELECT * FROM v', 'exa_money')).toBe('Asia/Tokyo|C\n');

    // As a server that has that locale keeps it.
    const setting = "ARRAY['lc_monetary=es_AR.UTF-8']";
    const of = "(SELECT oid FROM pg_database WHERE datname = 'exa_money')";
    await psql(
      postgres,
      `SET allow_system_table_mods = on; UPDATE pg_db_role_setting SET setconfig = ${setting} WHERE setdatabase = ${of}`,
    );
    const session = await openSession(postgres.config, 'exa_money', importSignal);
    const locale = await foreignMoney(session, 'exa_money');
    const told = await moneyWarning(session, { locale: locale ?? '', database: 'exa_money' });
    await session.close();
    expect(told).toMatchObject([
      { code: 'money-unsure', message: expect.stringMatching(/es_AR.*public\.t$/) },
    ]);
  });
});

describe('a server that goes away', () => {
  it.each([
    ['in the middle of rows', 'loading'],
    ['during the exchange', 'connections-forbidden'],
  ])('%s is said to be unreachable, and the next import ends it', async (_, moment) => {
    await anew('exa_cut', 'CREATE TABLE public.t (a int); INSERT INTO public.t VALUES (1);');
    const file = join(dir, 'cut.sql');
    const rows = Array.from({ length: 200_000 }, (_, at) => `${at}\n`).join('');
    const sql = `SET client_encoding = 'UTF8';\nCREATE TABLE public.t (a int);\nCOPY public.t (a) FROM stdin;\n${rows}\\.\n`;
    writeFileSync(
      file,
      `-- PostgreSQL database dump\n\n${sql}--\n-- PostgreSQL database dump complete\n--\n\n`,
    );
    const proxy = await startProxy(postgres.port);
    let bytes = 0;
    const cut = (event: ImportEvent): void => {
      if (event.type === 'bytes') bytes += event.bytes;
      const isNow = moment === 'loading' ? bytes > 300_000 : event.type === 'step' && event.step === moment;
      if (isNow) proxy.cut();
    };
    const config = { ...postgres.config, port: proxy.port };
    const context = await contextOf(config, selector, dir, cut);
    const importing = runImport(context, file, 'exa_cut', { place: { kind: 'replace' } });
    await expect(importing).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    await proxy.close();

    const events: string[] = [];
    const later = await contextOf(postgres.config, selector, dir, ({ type }) => void events.push(type));
    await recoverImports(later, null);
    expect(events).toContain('recovered');
    const expected = moment === 'loading' ? '1\n' : '200000\n';
    expect(await psql(postgres, 'SELECT count(*) FROM t', 'exa_cut')).toBe(expected);
  });
});

/** Passes bytes on until it is cut: then every connection breaks, and no other one is taken. */
async function startProxy(
  port: number,
): Promise<{ readonly port: number; cut(): void; close(): Promise<void> }> {
  const open = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.on('error', () => {});
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
    if (isCut) for (const one of [near, far]) one.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    isCut = true;
    for (const one of open) one.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
