import { describe, expect, it } from 'vitest';
import { parsePythonValue } from '../../../src/panels/apiscp/python-literal.ts';
import { parseServiceFile } from '../../../src/panels/apiscp/service-file.ts';

describe('parsePythonValue', () => {
  it.each([
    ['None', null],
    ['null', null],
    ['1', 1],
    ['0', 0],
    ['-12', -12],
    ['True', true],
    ['False', false],
    ['[]', []],
    ["['a', 'b',]", ['a', 'b']],
    ["[\"it's\", None, 1, ['x']]", ["it's", null, 1, ['x']]],
    ['[a.test,b.test]', ['a.test', 'b.test']],
    ["('a', 2)", ['a', 2]],
    ["[u'\\u00fc', 'tab\\t', '\\x41\\101', 'C:\\dir']", ['ü', 'tab\t', 'AA', 'C:\\dir']],
    ["'quoted'", 'quoted'],
    ["'it\\'s'", "it's"],
    ["'None'", 'None'],
    ["''", ''],
    ["'a' ; why", 'a'],
    ['None # none', null],
    ['[] ;x', []],
  ])('reads %j', (text, value) => {
    expect(parsePythonValue(text)).toEqual(value);
  });

  it.each([
    '3.1',
    '3.10',
    '007',
    '12345678901234567890',
    'plain text; with # signs',
    'Nonesuch',
    'a@example.com',
    "'unclosed",
    "'a'b",
    '[1, 2',
    "['a' 'b']",
    '{}',
    '__import__("os").system("id")',
    `${'['.repeat(50)}${']'.repeat(50)}`,
    "'\\U7fffffff'",
    '',
  ])('leaves %j as it stands', (text) => {
    expect(parsePythonValue(text)).toBe(text);
  });
});

describe('parseServiceFile', () => {
  it('reads one section, comments, and values over several lines', () => {
    const text = [
      '; head',
      '# too',
      '[DEFAULT]',
      'version = 3.1',
      'enabled=1',
      '',
      "aliases=['a',",
      "\t'b']",
      'empty =',
      'eq=a=b',
    ].join('\r\n');

    const { values, problem } = parseServiceFile(text);

    expect(problem).toBeNull();
    expect(Object.fromEntries(values)).toEqual({
      version: '3.1',
      enabled: 1,
      aliases: ['a', 'b'],
      empty: '',
      eq: 'a=b',
    });
  });

  it.each([
    ['[DEFAULT]\na=1\nnonsense\nb=2', 'line 3 is no assignment'],
    ['[DEFAULT]\na=1\n[OTHER]\nb=2', 'line 3 opens another section than [DEFAULT]'],
    ['[DEFAULT]\na=1\n__proto__=1\nb=2', 'line 3 has a name that cannot be one'],
    ['[DEFAULT]\na=1\nc=\0\nb=2', 'line 3 holds a NUL'],
  ])('keeps what it can of %j and names the rest', (text, problem) => {
    const parsed = parseServiceFile(text);

    expect(parsed.problem).toBe(problem);
    expect(Object.fromEntries(parsed.values)).toEqual({ a: 1, b: 2 });
  });

  it('takes any bytes without throwing, and keeps few of them', () => {
    const noise = Array.from({ length: 4096 }, (_, i) => String.fromCharCode((i * 7919) % 251)).join('');
    const endless = 'k=v\n'.repeat(3) + Array.from({ length: 5000 }, (_, i) => `k${i}=1`).join('\n');

    expect(parseServiceFile(noise).problem).not.toBeNull();
    expect(parseServiceFile(endless).values.size).toBe(1000);
  });
});
