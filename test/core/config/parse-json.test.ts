import { describe, expect, it } from 'vitest';
import { parseJson } from '../../../src/core/config/parse-json.ts';

describe('parseJson', () => {
  it.each(['{}', '[]', ' {"a": [1, -2.5e3, true, false, null, "x\\n\\u00e9", {"b": []}]} \n', '"text"', '0'])(
    'gives what JSON.parse gives for %s',
    (text) => {
      expect(parseJson(text)).toEqual({ value: JSON.parse(text) });
    },
  );

  it.each([
    ['', 1, 1, 'the file ends in the middle of the document'],
    ['{\n  "a": 1\n  "b": 2\n}', 3, 3, 'expected "," or "}"'],
    ['{"a": 1,}', 1, 9, 'no comma may stand before "}"'],
    ['[1,\n2,\n]', 3, 1, 'no comma may stand before "]"'],
    ['{"a" 1}', 1, 6, 'expected ":" after the property name'],
    ['{a: 1}', 1, 2, 'expected a property name in double quotes'],
    ['{\n"a": \'x\'}', 2, 6, 'strings need double quotes'],
    ['{"a": secret}', 1, 7, 'expected a value'],
    ['{"a": 01}', 1, 7, 'expected a value'],
    ['{"a": 1, "a": 2}', 1, 10, 'this property was given before'],
    ['{"a": "x', 1, 7, 'this string is not closed, or holds a bare control character or a bad escape'],
    ['{"a": 1', 1, 8, 'the file ends where "," or "}" was expected'],
    ['{} {}', 1, 4, 'nothing may follow the document'],
    ['// no\n{}', 1, 1, 'expected a value'],
    ['['.repeat(100), 1, 66, 'nested deeper than 64 levels'],
  ])('finds the fault in %j', (text, line, column, what) => {
    expect(parseJson(text)).toEqual({ fault: { line, column, what } });
  });

  it('refuses whatever JSON.parse refuses', () => {
    const text = '{"a": [1, true, "x\\u0041"], "b": {"c": null}}';
    const pieces = [' ', '"', ',', ':', '[', ']', '{', '}', '\\', '\u0001', 'x', '-', '.', '1e'];
    for (let at = 0; at <= text.length; at += 1) {
      for (const piece of ['', ...pieces]) {
        const mutant = text.slice(0, at) + piece + text.slice(piece === '' ? at + 1 : at);
        expect(
          accepts(() => 'value' in parseJson(mutant)),
          mutant,
        ).toBe(accepts(() => JSON.parse(mutant) !== 0));
      }
    }
  });
});

function accepts(attempt: () => boolean): boolean {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
