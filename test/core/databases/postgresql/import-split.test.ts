import { describe, expect, it } from 'vitest';
import { type Item, ScriptSplitter } from '../../../../src/core/databases/postgresql/import-split.ts';

/** Statements as text, rows put together, in pieces of `size` bytes. */
function split(sql: string, size = sql.length): readonly (string | number)[] {
  const splitter = new ScriptSplitter();
  const bytes = Buffer.from(sql);
  const items: Item[] = [];
  for (let at = 0; at < bytes.length; at += size) items.push(...splitter.feed(bytes.subarray(at, at + size)));
  items.push(...splitter.end());
  const told: (string | number)[] = [];
  let [rows, text] = [0, ''];
  for (const item of items) {
    if (item.type === 'statement') told.push(item.bytes.toString());
    else if (item.type === 'rows') {
      rows += item.rows;
      text += item.bytes.toString('latin1');
    } else {
      told.push(text, rows);
      [rows, text] = [0, ''];
    }
  }
  return told;
}

describe('cutting a dump', () => {
  it.each([
    'CREATE FUNCTION public.overlap_days(begin date, "end" date) RETURNS integer\n    LANGUAGE sql\n    AS $$ SELECT 1; $$',
    'CREATE FUNCTION f() RETURNS TABLE(begin date, atomic date) LANGUAGE sql AS $$ SELECT 1; $$',
    'CREATE FUNCTION public.begin(a integer) RETURNS integer LANGUAGE sql RETURN 1',
    'CREATE PROCEDURE p(begin atomic) LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END',
    'CREATE FUNCTION f(begin integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC\n SELECT f.begin; END',
  ])('takes begin for a name or for a block: %s', (statement) => {
    expect(split(`${statement};\nSELECT 2;\n`)).toEqual([statement, 'SELECT 2']);
  });

  it('finds the same wherever its pieces end', () => {
    const sql = [
      "INSERT INTO t VALUES (1, 'a;b', E'\\';', $x$;$x$);",
      'COPY t (a, b) FROM stdin;',
      '1\tab\\\\.',
      'a\\\\.\n',
      '\\.',
      '',
      'COPY u FROM stdin;',
      '\\.',
      'COPY v FROM stdin;',
      '',
      '\\.',
      '/* ; */ SELECT 1; -- end',
      '',
    ].join('\n');
    const whole = split(sql);
    expect(whole).toEqual([
      "INSERT INTO t VALUES (1, 'a;b', E'\\';', $x$;$x$)",
      'COPY t (a, b) FROM stdin',
      '1\tab\\\\.\na\\\\.\n\n',
      3,
      'COPY u FROM stdin',
      '',
      0,
      'COPY v FROM stdin',
      '\n',
      1,
      'SELECT 1',
    ]);
    for (let size = 1; size < 100; size += 1) expect(split(sql, size), `${size}`).toEqual(whole);
  });

  it('ends a comment where the server ends it, at either end of a line', () => {
    expect(split('SELECT 1 -- x\r; SELECT 2; -- y\r\nSELECT 3 --z\n;')).toEqual([
      'SELECT 1 -- x\r',
      'SELECT 2',
      'SELECT 3 --z\n',
    ]);
  });

  it.each([1, 64, 1000])('refuses a dollar quote whose name it cannot overlook, in pieces of %i', (size) => {
    const quoted = (length: number) => `$${'a'.repeat(length)}$`;
    const sql = (length: number) => `SELECT ${quoted(length)};${quoted(length)};\nSELECT 2;`;
    expect(split(sql(62), size)).toHaveLength(2);
    expect(() => split(sql(63), size)).toThrow('dollar quote');
  });

  it('hands a row on in pieces and does not look at all of it again for each', () => {
    const splitter = new ScriptSplitter();
    const piece = Buffer.alloc(64 * 1024, 'x');
    [...splitter.feed(Buffer.from('COPY t FROM stdin;\n'))];
    for (let count = 0; count < 20; count += 1) {
      const bytes = [...splitter.feed(piece)].map((item) => (item.type === 'rows' ? item.bytes.length : 0));
      expect(bytes.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(piece.length - 4);
    }
  });
});
