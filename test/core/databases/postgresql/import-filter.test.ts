import { describe, expect, it } from 'vitest';
import { isBare, judge } from '../../../../src/core/databases/postgresql/import-filter.ts';
import type { Word } from '../../../../src/core/databases/postgresql/import-lex.ts';
import { hasRoles, type Policy } from '../../../../src/core/databases/postgresql/import-policy.ts';

describe('a change of owner in a dump', () => {
  it.each([
    ['ALTER TABLE public.t OWNER TO exa_app', 'exa_app'],
    ['ALTER TABLE ONLY "odd "" name"."t;" OWNER TO "exa App"', 'exa App'],
    ['ALTER MATERIALIZED VIEW v OWNER TO exa_app', 'exa_app'],
    ['ALTER FUNCTION s.f(a integer, VARIADIC b "char"[], OUT c numeric) OWNER TO exa_app', 'exa_app'],
    ['ALTER AGGREGATE public.total(*) OWNER TO exa_app', 'exa_app'],
    ['ALTER OPERATOR public.=== (integer, NONE) OWNER TO exa_app', 'exa_app'],
    ['ALTER TEXT SEARCH CONFIGURATION public.c OWNER TO exa_app', 'exa_app'],
    ['ALTER LARGE OBJECT 4711 OWNER TO exa_app', 'exa_app'],
    ['ALTER SCHEMA s OWNER TO exa_app', 'exa_app'],
  ])('is known: %s', (text, role) => {
    expect(judge(text, 1)).toMatchObject({
      type: 'owner',
      role: { value: role },
      ofSchema: text.includes('SCHEMA'),
    });
  });

  it.each([
    'ALTER TABLE t ALTER COLUMN c TYPE bigint USING f(c), OWNER TO exa_app',
    'ALTER TABLE t OWNER TO exa_app, ALTER c SET DEFAULT f()',
    'ALTER TABLE t ADD CHECK (f(c)), OWNER TO exa_app',
    'ALTER TABLE t /* OWNER TO a */ ADD c int, OWNER\n--\nTO exa_app',
    'ALTER TABLE t ADD COLUMN "x" text DEFAULT $$ $$, OWNER TO exa_app',
    'ALTER TABLE U&"t" OWNER TO exa_app',
    'ALTER TABLE t RENAME TO exa_app',
    'ALTER FUNCTION f(int) SET x = owner to exa_app',
    "ALTER FUNCTION f(a int DEFAULT 'x') OWNER TO exa_app",
    "ALTER AGGREGATE f('x') OWNER TO exa_app",
    'ALTER FUNCTION f(int)(int) OWNER TO exa_app',
    'ALTER TABLE ALL IN TABLESPACE x OWNED BY y SET TABLESPACE owner to z',
  ])('is nothing else: %s', (text) => {
    expect(judge(text, 1).type).toMatch(/^(run|alter-table)$/);
  });

  it('leaves nothing behind that an extension could meet only where it is bare', () => {
    const bare = [
      'SET a = b',
      'CREATE SCHEMA s',
      'CREATE SCHEMA IF NOT EXISTS s',
      "COMMENT ON SCHEMA s IS 'x'",
    ];
    for (const text of bare) expect(isBare(text), text).toBe(true);
    const made = ['CREATE SCHEMA s CREATE TABLE t (a int)', 'CREATE TABLE t (a int)', 'DROP TABLE t'];
    for (const text of made) expect(isBare(text), text).toBe(false);
  });
});

describe('what a dump says about its encoding', () => {
  it.each([
    "SET client_encoding = 'LATIN1'",
    'SET client_encoding TO LATIN1',
    "SET NAMES 'LATIN1'",
    "SET CLIENT_ENCODING = 'LATIN1'",
  ])('is heard: %s', (text) => {
    const name = text.includes("'") ? 'LATIN1' : 'latin1';
    expect(judge(text, 1)).toEqual({ type: 'encoding', name });
  });

  it.each([
    "SET LOCAL client_encoding = 'SJIS'",
    "SET SESSION client_encoding = 'SJIS'",
    'SET client_encoding = DEFAULT, x',
    'SET "client_encoding" = SJIS, x',
    "SELECT pg_catalog.set_config('client_encoding', 'SJIS', false)",
    "SELECT pg_catalog.set_config('Client_Encoding', 'SJIS', false)",
  ])('is refused where it could be missed: %s', (text) => {
    expect(() => judge(text, 1)).toThrow('sets the encoding');
  });
});

describe('what is more than it seems', () => {
  it.each([
    ['COPY public.t (a) FROM stdin -- \r; SELECT 1', 'copies in another way'],
    ["COPY t FROM stdin WITH (FORMAT csv, DELIMITER ';')", 'copies in another way'],
    ["COPY t FROM '/etc/passwd'", 'copies in another way'],
    ["SELECT pg_catalog.set_config('a', 'b', false) INTO public.t", 'runs a query'],
    ["SELECT pg_catalog.setval('s', 1), pg_catalog.setval('s', 2)", 'runs a query'],
    ['GRANT a TO b', 'gives roles'],
  ])('is refused: %s', (text, why) => {
    expect(() => judge(text, 1)).toThrow(why);
  });

  it.each(['COPY t FROM stdin', 'COPY "a;b".t (x, "y,\n""z)") FROM stdin', 'COPY ONLY_t(x) FROM stdin '])(
    'is not: %s',
    (text) => expect(judge(text, 1)).toMatchObject({ type: 'copy' }),
  );

  it('is a comment that makes no place for the rest of its line', () => {
    expect(isBare('CREATE SCHEMA s --\r CREATE TABLE t (a int)')).toBe(false);
  });
});

describe('a comment', () => {
  it.each([
    ["COMMENT ON POLICY p ON t IS 'x'", { type: 'policy-comment', key: 'public.t.p' }],
    ["COMMENT ON EXTENSION e IS 'it''s'", { type: 'extension-comment', name: 'e', comment: "it's" }],
    ["COMMENT ON PUBLICATION p IS 'x'", { type: 'skip', what: null }],
    ["COMMENT ON EVENT TRIGGER p IS 'x'", { type: 'skip', what: null }],
    ["COMMENT ON SUBSCRIPTION p IS 'x'", { type: 'skip', what: null }],
    ['COMMENT ON CONSTRAINT "K" ON s.t IS NULL', { type: 'constraint-comment', key: 's.t.K' }],
    ['COMMENT ON CONSTRAINT k ON DOMAIN s.d IS NULL', { type: 'run' }],
    ["COMMENT ON TABLE t IS 'x'", { type: 'run' }],
  ])('shares the fate of its object: %s', (text, verdict) => {
    expect(judge(text, 1)).toEqual(verdict);
  });

  it('finds the foreign key that it is about', () => {
    const key = 'ALTER TABLE ONLY s.t\n    ADD CONSTRAINT "K" FOREIGN KEY (a) REFERENCES s.u(a)';
    expect(judge(key, 1)).toEqual({
      type: 'foreign-key',
      key: 's.t.K',
      table: 's.t',
      target: 's.u',
      quotedTarget: '"s"."u"',
    });
  });

  it.each([
    [
      'ALTER TABLE IF EXISTS ONLY s.t ADD CONSTRAINT c CHECK ((a > 0))',
      { type: 'alter-table', table: 's.t' },
    ],
    ['ALTER TABLE ONLY s.t ADD CONSTRAINT k PRIMARY KEY (a)', { type: 'run' }],
    [
      'ALTER TABLE s.t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME s.q)',
      { type: 'run' },
    ],
  ])('tells what may look at the rows of a table: %s', (text, verdict) => {
    expect(judge(text, 1)).toEqual(verdict);
  });
});

describe('a policy', () => {
  const verdictOf = (rest: string) =>
    judge(`CREATE POLICY p ON s.t ${rest}`, 1) as { type: 'policy' } & Policy;

  it.each([
    ['USING (true)', [], false],
    ['AS RESTRICTIVE FOR UPDATE TO a, PUBLIC, "B" USING (x) WITH CHECK (y)', ['a', 'B'], true],
    ['FOR SELECT TO a', ['a'], false],
  ])('names its roles: %s', (rest, roles, restrictive) => {
    expect(verdictOf(rest)).toEqual({ type: 'policy', key: 's.t.p', roles, restrictive });
  });

  it('is left out where it gives rows to a role that is missing, and never where it takes rows away', () => {
    expect(hasRoles(verdictOf('TO a USING (x)'), new Set(['a']))).toBe(true);
    expect(hasRoles(verdictOf('TO a, b USING (x)'), new Set(['a']))).toBe(false);
    expect(() => hasRoles(verdictOf('AS RESTRICTIVE TO b USING (x)'), new Set(['a']))).toThrow('role "b"');
  });
});

describe('what needs more rights than an import has', () => {
  it('leaves subscriptions out, with what is altered of them', () => {
    expect(judge('ALTER SUBSCRIPTION s OWNER TO a', 1)).toEqual({ type: 'skip', what: null });
  });

  it.each([
    ['ALTER DEFAULT PRIVILEGES FOR ROLE a, "B" IN SCHEMA s GRANT SELECT ON TABLES TO c', ['a', 'B'], ['c']],
    ['ALTER DEFAULT PRIVILEGES FOR USER a REVOKE ALL ON TABLES FROM PUBLIC', ['a'], []],
  ])('tells whose default privileges: %s', (text, of, roles) => {
    const verdict = judge(text, 1);
    const names = (list: readonly Word[]) => list.map(({ value }) => value);
    expect(verdict.type === 'defaults' && [names(verdict.of), names(verdict.roles)]).toEqual([of, roles]);
  });

  it('leaves operator classes and families out', () => {
    for (const what of ['CLASS', 'FAMILY']) {
      expect(judge(`CREATE OPERATOR ${what} public.c USING btree`, 1)).toMatchObject({
        type: 'skip',
        what: expect.any(String),
      });
      for (const text of [
        `ALTER OPERATOR ${what} c USING btree OWNER TO a`,
        `COMMENT ON OPERATOR ${what} c IS 'x'`,
      ])
        expect(judge(text, 1)).toEqual({ type: 'skip', what: null });
    }
  });
});
