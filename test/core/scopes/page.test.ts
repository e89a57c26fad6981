import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { scopesPage } from '../../../scripts/scopes-page.ts';
import { builtinScopes } from '../../../src/core/scopes/builtin.ts';
import { parseScopeValue } from '../../../src/core/scopes/value-grammar.ts';
import { validate } from '../../../src/core/settings/validate.ts';

describe('docs/scopes.md', () => {
  it('is what npm run schemas writes', () => {
    expect(readFileSync('docs/scopes.md', 'utf8')).toBe(scopesPage());
  });

  it.each(builtinScopes)('has an example of $name that is allowed', ({ example, schema }) => {
    expect(validate(parseScopeValue(example), schema)).toEqual([]);
  });
});
