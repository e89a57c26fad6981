import { describe, expect, it } from 'vitest';
import { isBare, judge } from '../../../../src/core/databases/postgresql/import-filter.ts';

describe('a change of owner in a dump', () => {
  it.each([
    ['ALTER TABLE public.t OWNER TO exa_app', 'exa_app'],
    ['ALTER TABLE ONLY "odd "" name"."t;" OWNER TO "exa App"', 'exa App'],
    ['ALTER MATERIALIZED VIEW v OWNER TO exa_app', 'exa_app'],
    ['ALTER FUNCTION s.f(a integer, VARIADIC b "char"[], OUT c numeric) OWNER TO exa_app', 'exa_app'],
    ['ALTER AGGREGATE public.total(*) OWNER TO exa_app', 'exa_app'],
    ['ALTER OPERATOR public.=== (integer, NONE) OWNER TO exa_app', 'exa_app'],
    ['ALTER OPERATOR CLASS public.c USING btree OWNER TO exa_app', 'exa_app'],
    ['ALTER TEXT SEARCH CONFIGURATION public.c OWNER TO exa_app', 'exa_app'],
    ['ALTER LARGE OBJECT 4711 OWNER TO exa_app', 'exa_app'],
    ['ALTER SCHEMA s OWNER TO exa_app', 'exa_app'],
  ])('is known: %s', (text, role) => {
    expect(judge(text, 1)).toMatchObject({ type: 'owner', role, ofSchema: text.includes('SCHEMA') });
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
    expect(judge(text, 1)).toEqual({ type: 'run' });
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
