/** Keeps the pages that promise something equal to the code that has to hold it. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { unitPaths } from '../src/cli/runs/units.ts';
import { importNames } from '../src/core/databases/import/names.ts';
import { errorCodes } from '../src/core/errors.ts';
import { accountXattr } from '../src/core/state/carried-ids.ts';

const page = readFileSync('docs/errors.md', 'utf8');
const sections = page
  .split(/^## /m)
  .slice(1)
  .flatMap((section) => {
    const code = /^`([A-Z_]+)`$/m.exec(section.split('\n')[0] ?? '')?.[1];
    return code === undefined ? [] : [{ code, section }];
  });

/** `code: 'view-broken'` of a warning's literal, or `warn('changed', …)`. */
const warningCode = /(?:\bcode: |\bwarn\()'([a-z]+(?:-[a-z]+)*)'/g;

describe('docs/errors.md', () => {
  it('has one heading per error code, and no other', () => {
    expect(sections.map(({ code }) => code).sort()).toEqual(Object.keys(errorCodes).sort());
  });

  it.each(Object.entries(errorCodes))('states what the table says of %s', (code, { exit, retryable }) => {
    const section = sections.find((found) => found.code === code)?.section ?? '';

    expect(section).toContain(`\n\nExit status ${exit}, ${retryable ? 'retryable' : 'not retryable'}.\n\n`);
    expect(section).toMatch(/^What to do: /m);
  });
});

describe('the table of warnings in docs/errors.md', () => {
  const source = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join('src', name), 'utf8'))
    .join('\n');
  // One row may explain several codes.
  const documented = [...page.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([a-z-]+)`/g)].map((match) => match[1] ?? ''),
  );

  it('has every code that the source gives to a warning', () => {
    const used = [...source.matchAll(warningCode)].map((match) => match[1] ?? '');

    expect([...new Set(used)].filter((code) => !documented.includes(code))).toEqual([]);
  });

  it('has each code once, and none that the source does not know', () => {
    expect(documented.filter((code, index) => documented.indexOf(code) !== index)).toEqual([]);
    expect(documented.filter((code) => !source.includes(`'${code}'`))).toEqual([]);
  });
});

it('docs/uninstall.md names what is left outside of the state', () => {
  const names = Object.values(importNames('0'.repeat(24))).map((name) => name.replace(/[0-9a-f]{12}$/, ''));
  const left = [...Object.values(unitPaths), accountXattr, ...names];
  const text = readFileSync('docs/uninstall.md', 'utf8');

  expect(left.filter((one) => !text.includes(one))).toEqual([]);
});

describe('the error table', () => {
  it('keeps each exit status to one code, in a band', () => {
    const statuses = Object.values(errorCodes).map(({ exit }) => exit);

    expect(new Set(statuses).size).toBe(statuses.length);
    expect(statuses.filter((status) => status < 2 || status > 165)).toEqual([]);
  });
});
