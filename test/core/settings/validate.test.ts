import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { bodySchema, headerSchema } from '../../../src/core/archive/manifest-shape.ts';
import { addinConfigurationSchema } from '../../../src/core/config/addin-schema.ts';
import { configSchema } from '../../../src/core/config/config-schema.ts';
import { sourceOf, validate } from '../../../src/core/settings/validate.ts';

const require = createRequire(import.meta.url);

it.each([
  ['config.json', configSchema, { panel: { use: 'generic' } }, { concurrency: '2', panel: {}, x: 1 }],
  [
    'an addin configuration',
    addinConfigurationSchema,
    { name: 'nightly', provider: { use: 'chain' }, store: { use: 'local' }, encryption: 'none' },
    { name: 'Not a name', retention: {}, provider: [] },
  ],
])('the code that the build makes for %s judges, and fills in, as ajv does', (_, schema, right, wrong) => {
  const made = { exports: (_value: unknown): boolean => false };
  new Function('require', 'module', 'exports', sourceOf(schema))(require, made, made.exports);
  const check = made.exports as ((value: unknown) => boolean) & { readonly errors?: readonly object[] };
  const [filled, here] = [structuredClone(right), structuredClone(right)];

  expect(check(filled)).toBe(true);
  expect(validate(here, schema)).toEqual([]);
  expect(filled).toEqual(here);
  expect(check(structuredClone(wrong))).toBe(false);
  expect(check.errors).toEqual(validate(structuredClone(wrong), schema));
});

it.each([
  ['config.json', configSchema],
  ['a header', headerSchema],
  // With a word about what was evaluated behind its function.
  ['a body', bodySchema],
])('the code for %s stands in parentheses, or V8 would compile it anew in each start', (_, schema) => {
  const source = sourceOf(schema);

  expect(source).toMatch(/const validate0 = \(function validate0\(/);
  expect(source.match(/module\.exports = /g)).toHaveLength(1);
});
