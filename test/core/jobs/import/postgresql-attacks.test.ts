/** Dumps for PostgreSQL that wait for an administrator to call what they have made. */

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dropActors, makeStandIns } from '../../../../src/core/databases/postgresql/import-actors.ts';
import { openSession, type Session } from '../../../../src/core/databases/postgresql/session.ts';
import {
  contextOf,
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
  await psql(postgres, 'CREATE ROLE exaadmin LOGIN; CREATE ROLE exa_app LOGIN');
  await psql(postgres, 'CREATE ROLE stranger LOGIN; CREATE ROLE evil_admin LOGIN');
  await psql(postgres, 'CREATE DATABASE exa_live OWNER exaadmin');
});

afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await postgres.stop();
});

async function attempt(sql: string, name: string): Promise<string> {
  const file = join(dir, 'dump.sql');
  const tail = '--\n-- PostgreSQL database dump complete\n--\n\n';
  writeFileSync(file, `-- PostgreSQL database dump\n\n${sql}\n${tail}`);
  const context = await contextOf(postgres.config, selector, dir);
  try {
    await runImport(context, file, name, { place: { kind: 'replace' } });
    return 'imported';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe('a dump that waits for an administrator', () => {
  /** Takes the server over where an administrator calls it, also out of what must not write. */
  const trap = `CREATE FUNCTION public.strike() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
      IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN EXECUTE 'ALTER ROLE exaadmin SUPERUSER'; END IF; END $$;
    CREATE FUNCTION public.trap(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.strike(); RETURN a; END $$;
    CREATE TABLE public.t (c int); INSERT INTO public.t VALUES (1);`;

  it.each([
    [
      'with a change of owner behind another one',
      'ALTER TABLE public.t ALTER COLUMN c TYPE bigint USING public.trap(c), OWNER TO exa_app;',
    ],
    [
      'with a comment and a quoted name before the owner',
      'ALTER TABLE public.t ALTER c TYPE bigint USING public.trap(c) /* "x" */ ,\n OWNER -- x\n TO "exa_app";',
    ],
    ['in an index that the planner looks at', 'CREATE INDEX ON public.t (c) WHERE public.trap(1) > 0;'],
    ['in statistics', 'CREATE INDEX ON public.t (public.trap(c));'],
    ['by taking a function of the server', 'ALTER FUNCTION pg_catalog.pg_read_file(text) OWNER TO exa_app;'],
    ['by taking the schema of the server', 'ALTER SCHEMA pg_catalog OWNER TO exa_app;'],
    ['by an extension that meets its functions', 'CREATE EXTENSION file_fdw;'],
  ])('never acts as administrator %s', async (_, sql) => {
    await psql(postgres, 'CREATE EXTENSION IF NOT EXISTS file_fdw', 'exa_live');
    const result = await attempt(`${trap}\n${sql}`, 'exa_live');
    expect(result).toMatch(/^(imported|IMPORT_(REFUSED|FAILED))$/);
    if (/ALTER (FUNCTION|SCHEMA)|EXTENSION/.test(sql)) expect(result).not.toBe('imported');
    expect(await psql(postgres, 'SELECT rolname FROM pg_roles WHERE rolsuper')).toBe('postgres\n');
    expect(
      await psql(
        postgres,
        "SELECT proname FROM pg_proc WHERE oid < 16384 AND proowner <> 10 UNION ALL SELECT nspname FROM pg_namespace WHERE nspname = 'pg_catalog' AND nspowner <> 10",
        'exa_live',
      ),
    ).toBe('');
  });

  it('reaches no other database of the account, with none of its rights', async () => {
    await psql(postgres, 'DROP DATABASE IF EXISTS exa_precious');
    await psql(postgres, 'CREATE DATABASE exa_precious OWNER exaadmin');
    const grab = ['GRANT CREATE ON DATABASE exa_precious TO stranger', 'GRANT exaadmin TO stranger'];
    const sql = `CREATE FUNCTION public.grab(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
        ${grab.map((one) => `BEGIN ${one}; EXCEPTION WHEN OTHERS THEN NULL; END;`).join('\n')} RETURN a; END $$;
      ALTER FUNCTION public.grab(integer) OWNER TO exa_app;
      CREATE TABLE public.t (c int CHECK (public.grab(c) > 0)); INSERT INTO public.t VALUES (1);
      CREATE INDEX ON public.t (public.grab(c)); CREATE INDEX ON public.t (c) WHERE public.grab(1) > 0;
      CREATE MATERIALIZED VIEW public.m AS SELECT public.grab(c) FROM public.t;
      ${grab[0]};`;
    expect(await attempt(sql, 'exa_live')).toBe('imported');
    const got =
      "SELECT has_database_privilege('stranger', 'exa_precious', 'CREATE'), pg_has_role('stranger', 'exaadmin', 'MEMBER')";
    expect(await psql(postgres, got)).toBe('f|f\n');
    const owner = "SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE proname = 'grab'";
    expect(await psql(postgres, owner, 'exa_live')).toBe('exa_app\n');
  });

  it('gives nothing to the account of what belongs to somebody else', async () => {
    await psql(postgres, 'DROP DATABASE IF EXISTS exa_bomb');
    await psql(postgres, 'CREATE DATABASE exa_bomb OWNER evil_admin');
    const sql = `CREATE FUNCTION public.f() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1';
      ALTER FUNCTION public.f() OWNER TO exaadmin;`;
    expect(await attempt(sql, 'exa_bomb')).toBe('imported');
    const owners = "SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE proname = 'f'";
    expect(await psql(postgres, owners, 'exa_bomb')).toBe('evil_admin\n');
  });

  it('gives no foreign role the rights of the account through what that role had put there', async () => {
    const sql = `CREATE TABLE public.secret (a int);
      CREATE FUNCTION public.peek() RETURNS bigint SECURITY DEFINER LANGUAGE sql AS 'SELECT count(*) FROM public.secret';
      CREATE VIEW public.look AS SELECT a FROM public.secret;
      ALTER FUNCTION public.peek() OWNER TO stranger; ALTER TABLE public.look OWNER TO stranger; GRANT SELECT ON public.look TO stranger;
      CREATE FUNCTION public.own() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION public.own() OWNER TO exa_app;`;
    expect(await attempt(sql, 'exa_live')).toBe('imported');
    for (const query of ['SELECT public.peek()', 'SELECT * FROM public.look']) {
      await expect(psql(postgres, `SET ROLE stranger; ${query}`, 'exa_live')).rejects.toThrow('denied');
    }
    const owners =
      "SELECT proname, pg_get_userbyid(proowner), prosecdef FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1";
    expect(await psql(postgres, owners, 'exa_live')).toBe('own|exa_app|t\npeek|exaadmin|f\n');
  });

  it('acts as its author where a guest of the database has put his code, not as whoever loads it', async () => {
    const grab = [
      `format('ALTER DATABASE %I SET search_path = guest', current_database())`,
      `format('GRANT ALL ON DATABASE %I TO stranger', current_database())`,
      `format('ALTER DATABASE %I IS_TEMPLATE true', current_database())`,
      `'GRANT ALL ON public.secret TO stranger'`,
      `'CREATE FUNCTION guest.planted() RETURNS int SECURITY DEFINER LANGUAGE sql AS $f$ SELECT 1 $f$'`,
      `'CREATE TABLE guest.planted (a int)'`,
    ];
    const sql = `CREATE SCHEMA guest;
      CREATE FUNCTION guest.x(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
        ${grab.map((one) => `BEGIN EXECUTE ${one}; EXCEPTION WHEN OTHERS THEN NULL; END;`).join('\n')}
        RETURN a; END $$;
      ALTER FUNCTION guest.x(a integer) OWNER TO stranger;
      CREATE TABLE public.secret (a int); ALTER TABLE public.secret OWNER TO exaadmin;
      CREATE TABLE guest.t (a int CHECK (guest.x(a) > 0), b text); ALTER TABLE guest.t OWNER TO stranger;
      CREATE TABLE guest.u (a int CHECK (guest.x(a) > 0)); ALTER TABLE guest.u OWNER TO bob;
      CREATE MATERIALIZED VIEW guest.m AS SELECT guest.x(a) AS a FROM guest.t WITH NO DATA; ALTER TABLE guest.m OWNER TO stranger;
      COPY public.secret (a) FROM stdin;\n1\n\\.\nBEGIN;\nCOPY guest.t (a, b) FROM stdin;\n1\tö\n\\.\nCOMMIT;\nINSERT INTO guest.u VALUES (1);
      CREATE INDEX i ON guest.t (guest.x(a)) WHERE guest.x(1) > 0;
      ALTER TABLE ONLY guest.t ADD CONSTRAINT k PRIMARY KEY (a); ALTER TABLE ONLY public.secret ADD CONSTRAINT k PRIMARY KEY (a);
      ALTER TABLE guest.t ADD CONSTRAINT late CHECK (guest.x(a) > 0);
      ALTER TABLE ONLY public.secret ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES guest.t(a);
      ALTER TABLE ONLY guest.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES public.secret(a);
      ALTER TABLE ONLY guest.u ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES guest.t(a);
      REFRESH MATERIALIZED VIEW guest.m;`;
    expect(await attempt(sql, 'exa_guests')).toBe('imported');
    const database =
      "SELECT datacl, datistemplate, (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = d.oid) FROM pg_database d WHERE datname = 'exa_guests'";
    expect(await psql(postgres, database)).toBe('{exaadmin=CTc/exaadmin,=Tc/exaadmin}|f|0\n');
    const objects = `SELECT (SELECT relacl::text FROM pg_class WHERE oid = 'public.secret'::regclass), (SELECT count(*) FROM pg_proc WHERE proname = 'planted'),
      (SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated), (SELECT string_agg(DISTINCT pg_get_userbyid(relowner), ',') FROM pg_class WHERE relnamespace = 'guest'::regnamespace),
      (SELECT b FROM guest.t), (SELECT a FROM guest.m), (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public')`;
    expect(await psql(postgres, objects, 'exa_guests')).toBe(
      '{exaadmin=arwdDxt/exaadmin}|0|3|exaadmin|ö|1|pg_database_owner\n',
    );
  });

  it('cannot say two things in one statement, however it is read', async () => {
    const sql = `SET standard_conforming_strings = off;\nCOMMENT ON SCHEMA public IS '\\''; CREATE TABLE public.smuggled (a int); --';`;
    expect(await attempt(sql, 'exa_smuggled')).toBe('IMPORT_FAILED');
  });

  it('makes an extension that needs a superuser as pg_dump writes it, where the live database has it', async () => {
    await psql(postgres, 'CREATE EXTENSION IF NOT EXISTS file_fdw', 'exa_live');
    const sql = `SET client_encoding = 'UTF8';\nSELECT pg_catalog.set_config('search_path', '', false);\nCREATE SCHEMA ext;\nALTER SCHEMA ext OWNER TO exa_app;
      CREATE EXTENSION IF NOT EXISTS file_fdw WITH SCHEMA ext;\nCOMMENT ON EXTENSION file_fdw IS 'x';\nCREATE TABLE public.t (a int);`;
    expect(await attempt(sql, 'exa_live')).toBe('imported');
    const made =
      'SELECT extname, n.nspname, pg_get_userbyid(nspowner) FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace';
    expect(await psql(postgres, `${made} WHERE extname = 'file_fdw'`, 'exa_live')).toBe(
      'file_fdw|ext|exa_app\n',
    );
  });

  it('meets a database that the account is shut out of until it is filled', async () => {
    const open = "has_database_privilege('exaadmin', current_database(), 'CONNECT')";
    const sql = `CREATE TABLE public.seen (open bool DEFAULT ${open});\nINSERT INTO public.seen VALUES (DEFAULT);`;
    expect(await attempt(sql, 'exa_watched')).toBe('imported');
    const now = "has_database_privilege('exa_app', current_database(), 'CONNECT')";
    expect(await psql(postgres, `SELECT open, ${now} FROM seen`, 'exa_watched')).toBe('f|t\n');
  });
});

describe('the role that loads a dump', () => {
  const user = 'holdfast_imp_0123456789ab';

  it('lets nobody in, whatever password the dump gives it', async () => {
    const sql = `CREATE FUNCTION public.f(a int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
        EXECUTE format('ALTER ROLE %I PASSWORD %L', session_user, 'known');
        RETURN (SELECT NOT rolcanlogin FROM pg_roles WHERE rolname = session_user); END $$;
      CREATE TABLE public.t (c int CHECK (public.f(c))); INSERT INTO public.t VALUES (1);`;
    expect(await attempt(sql, 'exa_in')).toBe('imported');
  });

  it('is handed no stand-ins where others may act as it, and goes with all that they made in its name', async () => {
    await psql(
      postgres,
      `CREATE ROLE ${user} LOGIN; GRANT ${user} TO stranger; CREATE DATABASE elsewhere OWNER stranger`,
    );
    const made = `SET ROLE stranger; CREATE SCHEMA s; GRANT ALL ON SCHEMA s TO ${user}; SET ROLE ${user}; SELECT lo_create(0); CREATE TABLE s.t (a int)`;
    await psql(postgres, made, 'elsewhere');
    const inDatabase = async <T>(name: string, work: (session: Session) => Promise<T>): Promise<T> => {
      const session = await openSession(postgres.config, name, importSignal);
      return await work(session).finally(() => session.close());
    };
    await inDatabase('postgres', async (session) => {
      const importer = { user, backend: 0, scratch: 'elsewhere', guests: [] };
      await expect(makeStandIns(session, importer, ['exa_app'])).rejects.toMatchObject({
        code: 'IMPORT_REFUSED',
      });
      await psql(postgres, `REVOKE ${user} FROM stranger`);
      expect(await makeStandIns(session, importer, ['exa_app'])).toEqual({
        of: new Map([['exa_app', `${user}_1`]]),
        guests: [],
      });
      await psql(postgres, `GRANT ${user} TO stranger`);
      await dropActors(session, user, inDatabase);
    });
    expect(await psql(postgres, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'holdfast%'")).toBe('');
    expect(await psql(postgres, 'SELECT count(*) FROM pg_largeobject_metadata', 'elsewhere')).toBe('0\n');
  });
});
