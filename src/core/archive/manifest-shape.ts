/**
 * Whether header and body of a manifest are what their types say.
 *
 * Whoever can write to a store can put a manifest with a seal that fits: it must count as damaged, and not
 * stop what goes over all manifests. So nobody who reads one has to ask again whether a key is one of an object, a
 * size a number of bytes, a name a text. Unknown properties are let pass.
 */

import type { JsonSchema } from '../contracts/addin.ts';
import { validate } from '../settings/validate.ts';
import { dataKeyPattern, highestEpoch, highestRevision, highestSequence, indexKeyPattern } from './keys.ts';

const text = { type: 'string' };
/** Also a sum of sizes: files with holes may add up to more than whole numbers are exact. */
const amount = { type: 'number', minimum: 0 };
/** As names hold them. */
const between = (minimum: number, maximum: number) => ({ type: 'integer', minimum, maximum });
/** Sizes of objects, and places in them. */
const bytes = between(0, Number.MAX_SAFE_INTEGER);
const epoch = between(1, highestEpoch);
/** Of an object; what is made next counts on from it. */
const objectNumber = between(0, 2 ** 31);
const sha256 = { type: 'string', pattern: '^[0-9a-f]{64}$' };
const nullable = <T extends { readonly type: string }>(of: T) => ({ ...of, type: [of.type, 'null'] });
const object = (properties: Record<string, unknown>, optional: readonly string[] = []) => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
const list = (items: unknown) => ({ type: 'array', items });
const byName = (values: unknown) => ({ type: 'object', additionalProperties: values });
const when = (name: string, value: string, then: unknown, otherwise: unknown = {}) => ({
  if: { properties: { [name]: { const: value } } },
  then,
  else: otherwise,
});
const addinRef = object({ name: text, version: text });
/** `Date.parse` understands it. */
const instant = { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d' };
const keyLike = (pattern: string) => ({ properties: { key: { pattern } } });

const objectRef = {
  ...object(
    {
      number: objectNumber,
      key: text,
      kind: { enum: ['segment', 'index', 'export', 'beside'] },
      size: bytes,
      sha256,
      epoch,
    },
    ['epoch'],
  ),
  ...when('kind', 'index', keyLike(indexKeyPattern), keyLike(dataKeyPattern)),
};

export const headerSchema: JsonSchema = object(
  {
    store: text,
    server: text,
    owner: text,
    addin: object({ id: text, name: text }),
    lineage: text,
    sequence: between(0, highestSequence),
    revision: between(0, highestRevision),
    replaces: nullable(text),
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
    previous: nullable(text),
    encryption: object({ epoch, pair: text }),
    lost: { const: true },
  },
  ['encryption', 'lost'],
);

const component = {
  ...object(
    {
      type: { enum: ['tree', 'database'] },
      name: text,
      state: { enum: ['complete', 'failed'] },
      error: object({ code: text, message: text, hint: text }, ['hint']),
      entries: amount,
      instance: text,
      engine: text,
      databases: list(text),
      format: { enum: ['sql', 'pgdump'] },
      object: nullable(objectNumber),
      plainBytes: amount,
      sha256: nullable(sha256),
      besides: list(object({ suffix: text, object: objectNumber, plainBytes: amount, sha256 })),
    },
    [
      'error',
      'entries',
      'instance',
      'engine',
      'databases',
      'format',
      'object',
      'plainBytes',
      'sha256',
      'besides',
    ],
  ),
  ...when(
    'type',
    'database',
    { required: ['instance', 'engine', 'databases', 'format', 'object', 'plainBytes', 'sha256', 'besides'] },
    { required: ['entries'] },
  ),
};
const counts = ['entries', 'files', 'directories', 'links', 'bytes', 'tarBytes', 'storedBytes'];

export const bodySchema: JsonSchema = object(
  {
    account: object(
      {
        site: text,
        domain: nullable(text),
        aliases: list(text),
        plan: nullable(text),
        state: text,
        uid: nullable(between(0, 2 ** 32)),
        gid: nullable(between(0, 2 ** 32)),
        metadata: { type: 'object' },
      },
      ['plan', 'state', 'metadata'],
    ),
    components: list(component),
    warnings: list(object({ code: text, component: text, message: text, path: text }, ['path'])),
    warningCounts: byName(amount),
    exclusions: byName(list(text)),
    inclusions: byName(list(text)),
    counts: object(Object.fromEntries(counts.map((name) => [name, amount]))),
    statistics: object(
      {
        changes: nullable(object({ added: amount, changed: amount, removed: amount })),
        newBytes: amount,
        ratio: nullable(amount),
      },
      ['changes'],
    ),
    findings: list(object({ code: text, message: text })),
    index: nullable(
      object(
        {
          object: objectNumber,
          offset: bytes,
          length: bytes,
          plainBytes: bytes,
          sha256,
          sealed: text,
        },
        ['sealed'],
      ),
    ),
    contentRoot: nullable(sha256),
    lost: object({ count: amount, paths: list(text) }),
    salt: text,
    labels: byName(text),
    unconfiguredEngines: list(text),
  },
  ['inclusions', 'statistics', 'findings', 'lost', 'salt', 'labels'],
);

/** Of JSON whose format and features are known already. */
export const isHeader = (value: unknown): boolean => validate(value, headerSchema).length === 0;

export const isBody = (value: unknown): boolean => validate(value, bodySchema).length === 0;
