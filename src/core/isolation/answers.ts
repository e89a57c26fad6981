/**
 * What a store or its set-up may answer, as schemas, and the one place where answers become values of ours.
 *
 * A version id that is a number, or a size that is a string, would go into manifests unseen.
 */

import type { JsonSchema } from '../contracts/addin.ts';
import { errorCodes } from '../errors.ts';
import { validate } from '../settings/validate.ts';
import { brokenBy } from './peer.ts';

const text = { type: 'string', maxLength: 4096 };
const textOrNull = { type: ['string', 'null'], maxLength: 4096 };
/** What a Date can be. */
const instants = { minimum: -8.64e15, maximum: 8.64e15 };
const instant = { type: 'number', ...instants };
const instantOrNull = { type: ['number', 'null'], ...instants };
const size = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const object = (properties: JsonSchema, optional: readonly string[] = []): JsonSchema => ({
  type: 'object',
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});
const list = (items: JsonSchema, maxItems = 10_000): JsonSchema => ({ type: 'array', maxItems, items });
const codeOrNull = { enum: [null, ...Object.keys(errorCodes)] };

const objectInfo = object(
  {
    key: text,
    sizeBytes: size,
    modifiedAtMs: instant,
    version: textOrNull,
    storageClass: textOrNull,
    readable: { type: 'boolean' },
    lockedUntilMs: instantOrNull,
  },
  ['lockedUntilMs'],
);

const finding = object({
  name: text,
  state: { enum: ['ok', 'note', 'warning', 'error'] },
  detail: text,
  hint: textOrNull,
  code: codeOrNull,
  mendable: { type: 'boolean' },
});

const right = object({
  name: text,
  allowed: { enum: ['yes', 'no', 'unknown'] },
  roles: list({ enum: ['writer', 'reader', 'pruner'] }),
  detail: textOrNull,
});

export const answers = {
  storeFacts: object({
    name: { type: 'string', minLength: 1, maxLength: 100 },
    capabilities: object(
      {
        conditionalCreate: { type: 'boolean' },
        versions: { type: 'boolean' },
        objectLock: { type: 'boolean' },
        lockRules: textOrNull,
        storageClasses: list(text, 100),
        serverSideCopy: { type: 'boolean' },
        putOnly: { type: 'boolean' },
      },
      ['lockRules'],
    ),
    extendsLocks: { type: 'boolean' },
  }),
  setupFacts: object({ setup: { type: 'boolean' } }),
  put: object({
    sizeBytes: size,
    version: textOrNull,
    storedAtMs: instantOrNull,
  }),
  list: object({ objects: list(objectInfo, 100_000), next: textOrNull }),
  inspect: list(finding),
  tryOut: object({ rights: list(right), findings: list(finding) }),
  policies: list(object({ role: text, description: text, document: { type: 'object' } })),
  apply: list(
    object({
      name: text,
      state: { enum: ['done', 'present', 'taken-back', 'failed'] },
      detail: text,
      hint: textOrNull,
      code: codeOrNull,
    }),
  ),
} as const satisfies Record<string, JsonSchema>;

/** @throws ADDIN_BROKEN the value has another form */
export function readAnswer<T>(value: unknown, form: keyof typeof answers, name: string): T {
  const [problem] = validate(value, answers[form]);
  if (problem === undefined) return value as T;
  throw brokenBy(name, `the answer to ${form} ${problem.instancePath} ${problem.message}`);
}
