/**
 * Words for writing the schemas of `--json` documents, so that each says only what is its own.
 *
 * Every property is always there, `null` where there is nothing to say. Objects stay open: readers ignore
 * what they do not know, and a later release may add properties.
 */

import type { JSONSchema } from 'json-schema-to-ts';

type Properties = Readonly<Record<string, JSONSchema>>;

export const text = <const D extends string>(description: D) => ({ type: 'string', description }) as const;

export const textOrNull = <const D extends string>(description: D) =>
  ({ type: ['string', 'null'], description }) as const;

/** ISO 8601, UTC. */
export const instant = <const D extends string>(description: D) =>
  ({ type: 'string', format: 'date-time', description }) as const;

export const instantOrNull = <const D extends string>(description: D) =>
  ({ type: ['string', 'null'], format: 'date-time', description }) as const;

export const count = <const D extends string>(description: D) =>
  ({ type: 'integer', minimum: 0, description }) as const;

export const countOrNull = <const D extends string>(description: D) =>
  ({ type: ['integer', 'null'], minimum: 0, description }) as const;

export const integer = <const D extends string>(description: D) =>
  ({ type: 'integer', description }) as const;

export const number = <const D extends string>(description: D) => ({ type: 'number', description }) as const;

export const numberOrNull = <const D extends string>(description: D) =>
  ({ type: ['number', 'null'], description }) as const;

export const flag = <const D extends string>(description: D) => ({ type: 'boolean', description }) as const;

export const choice = <const D extends string, const V extends readonly (string | null)[]>(
  description: D,
  ...values: V
) => ({ enum: values, description }) as const;

export const texts = <const D extends string>(description: D) =>
  ({ type: 'array', items: { type: 'string' }, description }) as const;

export const list = <const D extends string, const I extends JSONSchema>(description: D, items: I) =>
  ({ type: 'array', items, description }) as const;

/** Numbers by name. */
export const counts = <const D extends string>(description: D) =>
  ({ type: 'object', additionalProperties: { type: 'integer', minimum: 0 }, description }) as const;

export function record<const D extends string, const P extends Properties>(description: D, properties: P) {
  const required = Object.keys(properties) as (keyof P & string)[];
  return { type: 'object', description, required, properties } as const;
}

export const recordOrNull = <const D extends string, const P extends Properties>(
  description: D,
  properties: P,
) => ({ anyOf: [record(description, properties), { type: 'null' }], description }) as const;

/** The same, or null. */
export const orNull = <const S extends JSONSchema>(schema: S) =>
  ({ anyOf: [schema, { type: 'null' }] }) as const;

/** A whole document, published as `schemas/<name>.schema.json`. */
export function document<const P extends Properties>(name: string, description: string, properties: P) {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:holdfast:schema:${name}`,
    title: `Holdfast: ${name}`,
    ...record(description, properties),
  } as const;
}
