import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { bodySchema, headerSchema } from '../../../src/core/archive/manifest-shape.ts';
import { addinConfigurationSchema } from '../../../src/core/config/addin-schema.ts';
import { configSchema } from '../../../src/core/config/config-schema.ts';
import type { JsonSchema } from '../../../src/core/contracts/addin.ts';
import { sourceOf, validate } from '../../../src/core/settings/validate.ts';

const require = createRequire(import.meta.url);
const inner = {
  type: 'object',
  properties: { root: { $ref: '#' }, inner: { $ref: '#/$defs/inner' } },
};
const node = { type: 'object', properties: { next: { $ref: '#/$defs/node' } } };

type Check = ((value: unknown) => boolean) & { readonly errors?: readonly object[] | null };

function loaded(schema: JsonSchema): Check {
  const made = { exports: (_value: unknown): boolean => false };
  new Function('require', 'module', 'exports', sourceOf(schema))(require, made, made.exports);
  return made.exports;
}

it.each([
  ['config.json', configSchema, { panel: { use: 'generic' } }, { concurrency: '2', panel: {}, x: 1 }],
  [
    'an addin configuration',
    addinConfigurationSchema,
    { name: 'nightly', provider: { use: 'chain' }, store: { use: 'local' }, encryption: 'none' },
    { name: 'Not a name', retention: {}, provider: [] },
  ],
  ['a schema of itself', { $ref: '#/$defs/node', $defs: { node } }, { next: { next: {} } }, { next: 1 }],
  [
    'one that refers to its root from within',
    { $id: 'urn:holdfast:root', properties: { next: { $ref: '#/$defs/inner' } }, $defs: { inner } },
    { next: { root: { next: {} } } },
    { next: { root: { next: 1 } } },
  ],
  ['one that says nothing', { $defs: { a: { type: 'string', format: 'uri' } } }, 1, undefined],
  [
    'one with texts of code',
    { type: 'object', description: 'return errors === 0;} function validate0( validate1', required: ['a'] },
    { a: 1 },
    {},
  ],
  ['one with a rare keyword', { unevaluatedProperties: false, properties: { a: {} } }, { a: 1 }, { b: 1 }],
] as const)(
  'the code that the build makes for %s judges, and fills in, as ajv does',
  (_, schema, right, wrong) => {
    const check = loaded(schema);
    const [filled, here] = [structuredClone(right), structuredClone(right)];

    expect(check(filled)).toBe(true);
    expect(validate(here, schema)).toEqual([]);
    expect(filled).toEqual(here);
    expect(check(structuredClone(wrong))).toBe(wrong === undefined);
    expect(check.errors ?? []).toEqual(validate(structuredClone(wrong), schema));
  },
);

it.each([
  ['config.json', configSchema],
  ['a header', headerSchema],
  // With a word about what was evaluated behind its function.
  ['a body', bodySchema],
])('the code for %s stands in parentheses, or V8 would compile it anew in each start', (_, schema) => {
  const source = sourceOf(schema);

  expect(source).toMatch(/const validate0 = \(function validate0\(/);
  expect(source.match(/module\.exports = /g)).toHaveLength(1);
  expect(loaded(schema)({})).toBe(false);
});
