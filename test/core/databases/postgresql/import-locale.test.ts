import { describe, expect, it } from 'vitest';
import { localeIn } from '../../../../src/core/databases/postgresql/import-locale.ts';

const said = (options: string) =>
  localeIn(Buffer.from(`PGDMP\x01\0CREATE DATABASE "a ""b" WITH TEMPLATE = template0 ${options};\n\0more`));

describe('the locale that a dump says', () => {
  it.each([
    [
      "ENCODING = 'UTF8' LC_COLLATE = 'de_DE.utf8' LC_CTYPE = 'C'",
      ["LC_COLLATE 'de_DE.utf8'", "LC_CTYPE 'C'"],
    ],
    [
      "ENCODING = 'UTF8' LOCALE_PROVIDER = icu LOCALE = 'C' ICU_LOCALE = 'de''x'",
      ['LOCALE_PROVIDER icu', "LOCALE 'C'", "ICU_LOCALE 'de''x'"],
    ],
    ["ENCODING = 'UTF8' LOCALE = 'C' TABLESPACE = pg_global", ["LOCALE 'C'"]],
  ])('is taken apart and written anew: %s', (options, written) => {
    expect(said(options)).toEqual({ encoding: 'UTF8', options: written });
  });

  it.each([
    "ENCODING = 'UTF8' LOCALE_PROVIDER = icu; DROP DATABASE x",
    "ENCODING = 'UTF8' OWNER = (SELECT 1)",
    "ENCODING = E'UTF8\\''",
    "LOCALE = 'C'",
  ])('is unknown where it is anything else: %s', (options) => {
    expect(said(options)).toBeNull();
  });
});
