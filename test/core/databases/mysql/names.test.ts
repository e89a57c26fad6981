import { describe, expect, it } from 'vitest';
import {
  coversAnything,
  grantCovers,
  isSystemDatabase,
  quoteName,
} from '../../../../src/core/databases/mysql/names.ts';

describe('grantCovers', () => {
  it('takes an unescaped underscore for itself where ownership is asked', () => {
    expect(grantCovers('exa_shop', 'exa_shop', 'percent-only')).toBe(true);
    expect(grantCovers('exa_shop', 'exaXshop', 'percent-only')).toBe(false);
    expect(grantCovers('exa_%', 'exaorg_x', 'percent-only')).toBe(false);
    expect(grantCovers('exa\\_%', 'exa_', 'percent-only')).toBe(true);
  });

  it('reads wildcards as the server does where privileges are asked', () => {
    expect(grantCovers('exa_%', 'exaorg_x', 'as-server')).toBe(true);
    expect(grantCovers('exa\\_%', 'exaorg_x', 'as-server')).toBe(false);
    expect(grantCovers('a\\%b', 'axb', 'as-server')).toBe(false);
  });

  it('takes every other character literally, newlines too', () => {
    for (const name of ['a.b', 'a*', '[x]', '(a|b)', 'a\nb', '^$', 'ü/-']) {
      expect(grantCovers(name, name, 'as-server')).toBe(true);
      expect(grantCovers(`${name}%`, `${name}\nmore`, 'as-server')).toBe(true);
      expect(grantCovers(name, `${name}x`, 'as-server')).toBe(false);
    }
  });

  it('knows patterns that say nothing about an owner', () => {
    expect(['', '%', '%_x'].map(coversAnything)).toEqual([true, true, true]);
    expect(coversAnything('a%')).toBe(false);
  });
});

describe('names', () => {
  it('are quoted by doubled backticks', () => {
    expect(quoteName('a`b')).toBe('`a``b`');
  });

  it('of system databases are known in any case', () => {
    expect(['mysql', 'Information_Schema', 'sys', 'mysql_x'].map(isSystemDatabase)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});
