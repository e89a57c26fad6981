/**
 * Validation against JSON Schema 2020-12 by ajv, loaded at first use.
 *
 * Every start of the tool pays for this, so it takes the short way: only the vocabularies a schema
 * uses, and no check of the schemas themselves (a test and `addin verify` do that; compiling the
 * meta-schema costs more than all else together).
 */

import { createRequire } from 'node:module';
import type { ErrorObject, Options, ValidateFunction } from 'ajv';
import type AjvCore from 'ajv/dist/core.js';
import type { JsonSchema } from '../contracts/addin.ts';

const require = createRequire(import.meta.url);
const compiled = new WeakMap<JsonSchema, ValidateFunction>();
let ordinary: AjvCore.default | undefined;
let complete: AjvCore.default | undefined;
let judge: AjvCore.default | undefined;

const options: Options = {
  allErrors: true,
  verbose: true,
  useDefaults: true,
  meta: false,
  validateSchema: false,
  addUsedSchema: false,
  // `x-secret` and other annotations of addins are none of ajv's business.
  strict: false,
  logger: false,
  code: { optimize: false },
};

/** Keywords beyond the three vocabularies that are always loaded. */
const rareKeyword = /"(?:format|unevaluated\w+|\$dynamic\w+|dependent\w+|minContains|maxContains)":/;

/**
 * What is wrong with `value`; empty when nothing is. Fills in the defaults the schema names, in place.
 */
export function validate(value: unknown, schema: JsonSchema): readonly ErrorObject[] {
  let check = compiled.get(schema);
  if (check === undefined) {
    const rare = rareKeyword.test(JSON.stringify(schema));
    if (rare) complete ??= completeAjv();
    else ordinary ??= ordinaryAjv();
    check = ((rare ? complete : ordinary) as AjvCore.default).compile(schema);
    compiled.set(schema, check);
  }
  return check(value) ? [] : (check.errors ?? []);
}

/**
 * What is wrong with a schema that somebody else wrote, by the meta-schema and by compiling it; null where
 * nothing is. References to other documents count as wrong.
 */
export function schemaFault(schema: JsonSchema): string | null {
  const { Ajv2020 } = require('ajv/dist/2020.js') as { Ajv2020: new (options: Options) => AjvCore.default };
  judge ??= new Ajv2020({ strict: false, logger: false });
  if (!judge.validateSchema(schema))
    return judge.errorsText(judge.errors?.slice(0, 1), { dataVar: 'schema' });
  try {
    validate({}, schema);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

type Vocabulary = Parameters<AjvCore.default['addVocabulary']>[0];

function ordinaryAjv(): AjvCore.default {
  const { default: Ajv } = require('ajv/dist/core.js') as typeof AjvCore;
  const load = <T>(name: string): T =>
    (require(`ajv/dist/vocabularies/${name}/index.js`) as { default: T }).default;
  const ajv = new Ajv(options);
  ajv.addVocabulary(load<Vocabulary>('core'));
  ajv.addVocabulary(load<Vocabulary>('validation'));
  ajv.addVocabulary(load<(prefixItems: boolean) => Vocabulary>('applicator')(true));
  return ajv;
}

function completeAjv(): AjvCore.default {
  const { Ajv2020 } = require('ajv/dist/2020.js') as { Ajv2020: new (options: Options) => AjvCore.default };
  const ajv = new Ajv2020(options);
  (require('ajv-formats') as { default: (ajv: AjvCore.default) => void }).default(ajv);
  return ajv;
}
