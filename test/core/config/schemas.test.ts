import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { schemaDocuments, schemaText } from '../../../scripts/schema-documents.ts';
import { stateSchemas } from '../../../src/core/state/state-schemas.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Every named property of a schema, by a path for messages. */
function* propertiesOf(schema: Schema, at: string): Generator<[string, string, Schema]> {
  const inner = [
    ...['items', 'additionalProperties'].map((word) => schema[word]),
    ...['anyOf', 'oneOf', 'allOf', 'prefixItems'].flatMap(
      (word) => (schema[word] as Schema[] | undefined) ?? [],
    ),
    ...Object.values((schema['$defs'] as Schema | undefined) ?? {}),
  ];
  for (const part of inner) {
    if (typeof part === 'object' && part !== null) yield* propertiesOf(part as Schema, at);
  }
  for (const [name, property] of Object.entries(
    (schema['properties'] as Record<string, Schema> | undefined) ?? {},
  )) {
    yield [`${at}/${name}`, name, property];
    yield* propertiesOf(property, `${at}/${name}`);
  }
}

describe('schemas', () => {
  it('on disk are those of the source: run npm run schemas', () => {
    const onDisk = readdirSync('schemas').filter((name) => name.endsWith('.schema.json'));
    expect(onDisk.sort()).toEqual(Object.keys(schemaDocuments).sort());
    for (const [name, schema] of Object.entries(schemaDocuments)) {
      expect(readFileSync(`schemas/${name}`, 'utf8'), name).toBe(schemaText(schema));
    }
  });

  it.each(Object.entries(schemaDocuments))('%s is valid JSON Schema 2020-12', (_, schema) => {
    const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false });
    ajv.addKeyword('x-secret');
    (addFormats as unknown as (one: Ajv2020) => void)(ajv);

    expect(ajv.validateSchema(schema)).toBe(true);
    ajv.compile(schema);
  });
});

it('the schemas of files of the state are valid as well', () => {
  const ajv = new Ajv2020({ strict: true, strictTypes: false });
  for (const schema of stateSchemas) ajv.compile(schema);
});

describe.each([
  'config.schema.json',
  'addin-configuration.schema.json',
  'provider-chain.schema.json',
  'panel-apiscp.schema.json',
  'panel-generic.schema.json',
])('%s', (name) => {
  const properties = [...propertiesOf(schemaDocuments[name] as Schema, '')];

  it('describes every property and gives an example that is valid', () => {
    for (const [path, , property] of properties) {
      expect(property['description'], path).toMatch(/\.$/);
      expect(property['examples'], path).not.toHaveLength(0);
      for (const example of property['examples'] as unknown[]) {
        const check = new Ajv2020({ strict: false }).compile(property);
        expect(check(example), `${path} ${JSON.stringify(example)}`).toBe(true);
      }
    }
  });

  it('has every property in docs/configuration.md', () => {
    const page = readFileSync('docs/configuration.md', 'utf8');
    const sections = page.split(/^## /m);
    const section = sections.find((text) => text.includes(`schemas/${name}`)) ?? '';
    const documented = new Set([...section.matchAll(/^\| `([^`]+)`/gm)].map(([, path]) => path));
    const known = new Set(properties.map(([path]) => path.slice(1)).filter((path) => path !== '$schema'));

    expect([...documented].sort()).toEqual([...known].sort());
  });
});
