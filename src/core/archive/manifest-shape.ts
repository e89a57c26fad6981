/**
 * Whether header and body of a manifest are shaped as their types say, as far as anybody relies on it.
 *
 * Whoever can write to a store can put a manifest with a seal that fits: it must count as damaged, and not
 * stop what goes over all manifests. What is unknown is let pass.
 */

import { validate } from '../config/validate.ts';
import type { JsonSchema } from '../contracts/addin.ts';
import { highestEpoch, highestRevision, highestSequence } from './keys.ts';

const text = { type: 'string' };
const number = { type: 'number' };
/** As names hold them. */
const between = (minimum: number, maximum: number) => ({ type: 'integer', minimum, maximum });
const epoch = between(1, highestEpoch);
/** Of an object; what is made next counts on from it. */
const objectNumber = between(0, 2 ** 31);
const nullable = (type: string) => ({ type: [type, 'null'] });
const object = (properties: Record<string, unknown>, optional: readonly string[] = []) => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
const list = (items: unknown) => ({ type: 'array', items });
const addinRef = object({ name: text, version: text });
/** `Date.parse` understands it. */
const instant = { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d' };

const objectRef = object(
  {
    number: objectNumber,
    key: text,
    kind: { enum: ['segment', 'index', 'export', 'beside'] },
    size: number,
    sha256: text,
    epoch,
  },
  ['epoch'],
);

export const headerSchema: JsonSchema = object(
  {
    store: text,
    server: text,
    owner: text,
    addin: object({ id: text, name: text }),
    lineage: text,
    sequence: between(0, highestSequence),
    revision: between(0, highestRevision),
    replaces: nullable('string'),
    id: text,
    objectId: text,
    level: text,
    state: text,
    parents: list(text),
    startedAt: instant,
    committedAt: instant,
    objects: list(objectRef),
    references: list(objectRef),
    tools: object({ holdfast: text, store: addinRef, provider: addinRef, panel: addinRef }),
    digest: text,
    previous: nullable('string'),
    encryption: object({ epoch, pair: text }),
    lost: { const: true },
  },
  ['encryption', 'lost'],
);

const component = object(
  {
    type: { enum: ['tree', 'database'] },
    name: text,
    state: text,
    error: object({ code: text, message: text }),
    instance: text,
    databases: list(text),
    plainBytes: number,
    besides: list(object({ suffix: text, object: number, plainBytes: number, sha256: text })),
  },
  ['error', 'instance', 'databases', 'plainBytes', 'besides'],
);
const database = {
  if: { properties: { type: { const: 'database' } } },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ['instance', 'databases', 'plainBytes', 'besides'] },
};
const counts = ['entries', 'files', 'directories', 'links', 'bytes', 'tarBytes', 'storedBytes'];

export const bodySchema: JsonSchema = object(
  {
    account: object({ site: text, aliases: list(text) }),
    components: list({ ...component, ...database }),
    warnings: list(object({ code: text, component: text, message: text })),
    warningCounts: { type: 'object', additionalProperties: number },
    counts: object(Object.fromEntries(counts.map((name) => [name, number]))),
    statistics: object({ newBytes: number, ratio: nullable('number') }),
    findings: list(object({ code: text, message: text })),
    index: {
      ...object({ object: number, offset: number, length: number, plainBytes: number, sha256: text }),
      type: ['object', 'null'],
    },
    contentRoot: nullable('string'),
    lost: object({ count: number, paths: list(text) }),
  },
  ['statistics', 'findings', 'lost'],
);

/** Of JSON whose format and features are known already. */
export const isHeader = (value: unknown): boolean => validate(value, headerSchema).length === 0;

export const isBody = (value: unknown): boolean => validate(value, bodySchema).length === 0;
