import { describe, expect, it } from 'vitest';
import type { ScopeValue } from '../../../src/core/contracts/scope.ts';
import { parseScopeValue, showScopeValue } from '../../../src/core/scopes/value-grammar.ts';
import { seededRandom } from '../../support/seeded-random.ts';

describe('parseScopeValue', () => {
  it.each<[string, ScopeValue]>([
    ['true', true],
    ['false', false],
    ['null', null],
    ["'null'", 'null'],
    ['"true"', 'true'],
    ["''", ''],
    ['', ''],
    ['42', 42],
    ['-1.5', -1.5],
    ['007', '007'],
    ['12345678901234567890', '12345678901234567890'],
    ["'42'", '42'],
    ['some text', 'some text'],
    ['22:00-06:00', '22:00-06:00'],
    ['a,b', 'a,b'],
    ['[]', []],
    ['[a,b]', ['a', 'b']],
    ['[ 1 , two words ]', [1, 'two words']],
    ['[\'a,b\', "c]"]', ['a,b', 'c]']],
    ['[foo:bar]', { foo: 'bar' }],
    ['[nice:[soft:19, hard:5]]', { nice: { soft: 19, hard: 5 } }],
    ['[nproc.soft: 2048, nproc.hard: 4096]', { nproc: { soft: 2048, hard: 4096 } }],
    ["['a.b': 1]", { 'a.b': 1 }],
    ['[[a],[b:[1,2]]]', [['a'], { b: [1, 2] }]],
    ['[url: file:/root/x]', { url: 'file:/root/x' }],
    ["['it\\'s', 'back\\\\slash']", ["it's", 'back\\slash']],
    ["['__proto__': 1]", JSON.parse('{"__proto__": 1}') as ScopeValue],
  ])('reads %s', (text, value) => {
    expect(parseScopeValue(text)).toEqual(value);
  });

  it.each([
    ['[a', 'a ] is missing at the end'],
    ["'a", "the closing ' is missing"],
    ['[a,]', 'a value is missing after the last ,'],
    ['[,a]', 'a value is missing at character 2'],
    ['[a:]', 'a value is missing at character 4'],
    ['[:a]', 'a key is missing before the : at character 2'],
    ['[a:1, a:2]', 'the key "a" stands there twice'],
    ['[a:1, a.b:2]', 'the key "a" stands there twice'],
    ['[a..b:2]', 'the key "a..b" has an empty part'],
    ['[a, b:2]', 'a list and keys cannot be mixed'],
    ['[a] b', 'nothing may follow the value, but "b" does'],
    ["['a' b]", 'a , or ] is missing at character 6'],
    ['['.repeat(40), 'the value is nested deeper than 32'],
    ['x'.repeat(70_000), 'the value is longer than 64 KiB'],
  ])('refuses %s', (text, message) => {
    expect(() => parseScopeValue(text)).toThrow(message);
  });
});

describe('showScopeValue', () => {
  it('writes what is read back as the same, whatever it is', () => {
    const random = seededRandom(7);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
    const characters = [...'ab1.-:,[]\'"\\ \u00e9{}', 'true', 'null', '3'];
    const text = (): string =>
      Array.from({ length: Math.floor(random() * 5) }, () => pick(characters)).join('');
    const any = (depth: number): ScopeValue => {
      const kind = Math.floor(random() * (depth > 2 ? 4 : 6));
      if (kind === 0) return pick([true, false, null]);
      if (kind === 1) return pick([0, -7, 1.25, 65_536]);
      if (kind < 4) return text();
      const size = Math.floor(random() * 3);
      if (kind === 4) return Array.from({ length: size }, () => any(depth + 1));
      return Object.fromEntries(
        Array.from({ length: size + 1 }, (_, i) => [`${text()}k${i}`, any(depth + 1)]),
      );
    };
    for (let i = 0; i < 2000; i += 1) {
      const value = any(0);
      expect(parseScopeValue(showScopeValue(value)), showScopeValue(value)).toEqual(value);
    }
  });
});
