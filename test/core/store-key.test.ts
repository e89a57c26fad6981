import { describe, expect, it } from 'vitest';
import { assertKey, keyProblem } from '../../src/core/index.ts';

describe('keyProblem', () => {
  it.each(['a', 'data/0/a%20b-00001.tar.zst', '...', '-/_', 'x'.repeat(900)])('accepts %s', (key) => {
    expect(keyProblem(key)).toBeNull();
  });

  it.each([
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    '../a',
    'a/../b',
    'a/./b',
    'a b',
    'a\n',
    'ä',
    'a\0',
    'a+b',
    'a\\b',
    'x'.repeat(901),
  ])('refuses %j', (key) => {
    expect(keyProblem(key)).not.toBeNull();
    expect(() => assertKey(key)).toThrow(TypeError);
  });
});
