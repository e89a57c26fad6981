/** Dumps in other encodings than UTF-8, and of bytes that have no place in Unicode. */

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  contextOf,
  exportToFile,
  makeImportDirectory,
  runImport,
  selectorOf,
} from '../../../support/imports.ts';
import {
  type PostgresqlServer,
  postgresqlClient,
  psql,
  startPostgresql,
} from '../../../support/postgresql.ts';

const selector = selectorOf('postgresql', 'exa_', 'exaadmin');
let postgres: PostgresqlServer;
let dir: string;

beforeAll(async () => {
  postgres = await startPostgresql();
  dir = makeImportDirectory();
  await psql(postgres, 'CREATE ROLE exaadmin LOGIN; CREATE ROLE exa_app LOGIN');
});

afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await postgres.stop();
});

/** Makes it anew, with bytes above ASCII in rows, definitions, comments and, where they have a name in Unicode, in names. */
async function make(database: string, encoding: string, name: string): Promise<void> {
  await psql(postgres, `DROP DATABASE IF EXISTS ${database}`);
  await psql(
    postgres,
    `CREATE DATABASE ${database} OWNER exaadmin TEMPLATE template0 ENCODING '${encoding}' LOCALE 'C'`,
  );
  const sql = `SET client_encoding = '${encoding}'; SET ROLE exaadmin;
    CREATE TABLE public."${name}" (v text DEFAULT '\xfc\x81', "${name}2" text); INSERT INTO public."${name}" VALUES ('\xfc\x81', '\xe9\\n');
    CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $$ SELECT 'f\xfc\x81r;' $$;
    COMMENT ON TABLE public."${name}" IS '\xfc\x81;''';
    CREATE POLICY p ON public."${name}" USING (v <> '\xfc\x81'); ALTER TABLE public."${name}" ENABLE ROW LEVEL SECURITY;
    RESET ROLE; ALTER TABLE public."${name}" OWNER TO exa_app;`;
  await postgresqlClient(
    postgres,
    'psql',
    ['-XqAt', '-v', 'ON_ERROR_STOP=1'],
    database,
    Buffer.from(sql, 'latin1'),
  );
}

/** All of that, as hex digits of the bytes in `encoding`. */
const describeBytes = (database: string, encoding: string, name: string): Promise<string> =>
  psql(
    postgres,
    `SET client_encoding = 'UTF8'; SELECT convert_to(concat_ws('|', t.v, t."${name}2", prosrc, obj_description(c.oid), pg_get_expr(polqual, polrelid),
       (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef)), '${encoding}'), pg_get_userbyid(relowner), relname, getdatabaseencoding()
     FROM public."${name}" t, pg_class c, pg_proc, pg_policy WHERE proname = 'f' AND c.oid = polrelid`,
    database,
  );

describe('a PostgreSQL dump that is not in UTF-8', () => {
  it.each([
    ['SQL_ASCII', 'grosse'],
    ['WIN1252', 'gr\xf6\xdfe'],
    ['LATIN1', 'gr\xf6\xdfe'],
  ])('comes back byte for byte: %s', async (encoding, name) => {
    const context = await contextOf(postgres.config, selector, dir);
    await make('exa_odd', encoding, name);
    const before = await describeBytes('exa_odd', encoding, name);
    expect(before).toContain('fc81');
    const [own, rows] = [join(dir, 'own.pgdump'), join(dir, 'rows.sql')];
    await exportToFile(postgres.config, 'exa_odd', selector, own);
    await postgresqlClient(postgres, 'pg_dump', ['--inserts', '-f', rows], 'exa_odd');
    await psql(postgres, 'DROP DATABASE exa_odd');

    expect((await runImport(context, own, 'exa_odd')).warnings).toEqual([]);
    expect(await describeBytes('exa_odd', encoding, name)).toBe(before);

    await runImport(context, rows, 'exa_odd', { place: { kind: 'replace' } });
    expect(await describeBytes('exa_odd', encoding, name)).toBe(before);
  });

  it('is converted where the live database has another encoding', async () => {
    await make('exa_from', 'LATIN1', 'gr\xf6\xdfe');
    await psql(postgres, 'DROP DATABASE IF EXISTS exa_to');
    await psql(
      postgres,
      "CREATE DATABASE exa_to OWNER exaadmin TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
    );
    const file = join(dir, 'latin.pgdump');
    await exportToFile(postgres.config, 'exa_from', selector, file);
    const context = await contextOf(postgres.config, selector, dir);
    await runImport(context, file, 'exa_to', { place: { kind: 'replace' } });
    const [was, is] = await Promise.all(
      ['exa_from', 'exa_to'].map((name) => describeBytes(name, 'UTF8', 'gr\xf6\xdfe')),
    );
    expect(is).toBe(was?.replace('LATIN1', 'UTF8'));
    expect(is).toContain('c3bcc281');
  });

  it.each([
    ['says another encoding than it has', 'UTF8', "CREATE TABLE public.t (a text DEFAULT '\xfc');"],
    ['says nothing', '', "CREATE TABLE public.t (a text DEFAULT '\xfc');"],
    ['is in one that hides quotes', 'SJIS', 'CREATE TABLE public.t (a int);'],
    ['is in one that nobody knows', 'LATIN77', 'CREATE TABLE public.t (a int);'],
  ])('is refused where it %s', async (_, encoding, sql) => {
    const file = join(dir, 'strange.sql');
    const said = encoding === '' ? '' : `SET client_encoding = '${encoding}';\n`;
    const tail = '--\n-- PostgreSQL database dump complete\n--\n\n';
    writeFileSync(file, Buffer.from(`-- PostgreSQL database dump\n\n${said}${sql}\n${tail}`, 'latin1'));
    const context = await contextOf(postgres.config, selector, dir);
    await expect(runImport(context, file, 'exa_strange')).rejects.toMatchObject({
      code: 'IMPORT_REFUSED',
      message: expect.stringContaining(
        encoding === 'SJIS' || encoding === 'LATIN77' ? 'encoding' : 'near line',
      ),
      hint: expect.stringContaining('--encoding=UTF8'),
    });
  });
});
