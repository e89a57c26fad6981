/**
 * Validation against JSON Schema 2020-12 by ajv, loaded at first use.
 *
 * Every start of the tool pays for this, so it takes the short way: only the vocabularies a schema
 * uses, and no check of the schemas themselves (a test and `addin verify` do that; compiling the
 * meta-schema costs more than all else together). For schemas that are known when the package is built, the build
 * has put ajv's code beside this file, and ajv itself is not even loaded.
 */

import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { ErrorObject, Options, ValidateFunction } from 'ajv';
import type AjvCore from 'ajv/dist/core.js';
import type { JsonSchema } from '../contracts/addin.ts';
import { ownCode } from '../own-files.ts';

interface Standalone {
  readonly default: (ajv: AjvCore.default, check: ValidateFunction) => string;
}

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
    check = prepared(schema) ?? compile(schema);
    compiled.set(schema, check);
  }
  return check(value) ? [] : (check.errors ?? []);
}

/** What the build names code by that it makes of a schema. */
export const preparedName = (schema: JsonSchema): string =>
  hash('sha256', JSON.stringify(schema)).slice(0, 32);

/** In its own file, or with those that nearly all commands with a store need: many files take longer than a large one. */
export const preparedFile = (name: string): string => `core/settings/validators/${name}.cjs`;
export const joinedName = 'joined';

type Joined = Readonly<Record<string, (() => ValidateFunction) | undefined>>;

/** Undefined where the build did not know the schema, or there was none. */
function prepared(schema: JsonSchema): ValidateFunction | undefined {
  const name = preparedName(schema);
  const path = join(ownCode, preparedFile(name));
  if (existsSync(path)) return require(path) as ValidateFunction;
  const joined = join(ownCode, preparedFile(joinedName));
  return existsSync(joined) ? (require(joined) as Joined)[name]?.() : undefined;
}

function compile(schema: JsonSchema): ValidateFunction {
  const rare = rareKeyword.test(JSON.stringify(schema));
  if (rare) complete ??= completeAjv(options);
  else ordinary ??= ordinaryAjv(options);
  return ((rare ? complete : ordinary) as AjvCore.default).compile(schema);
}

/** For the build: code of a module that does what `validate` would. */
export function sourceOf(schema: JsonSchema): string {
  const { default: generate } = require('ajv/dist/standalone/index.js') as Standalone;
  const forSource = { ...options, code: { source: true } };
  const ajv = rareKeyword.test(JSON.stringify(schema)) ? completeAjv(forSource) : ordinaryAjv(forSource);
  return compiledWithModule(generate(ajv, ajv.compile(schema)));
}

/**
 * V8 compiles a function in parentheses together with the module around it, and only what is compiled with a module is
 * kept in Node's compile cache: the large ones take two milliseconds of each start otherwise. Code of several functions,
 * and any whose form is not known here, stays as it is.
 */
function compiledWithModule(source: string): string {
  const exporting = 'module.exports = validate0;module.exports.default = validate0;';
  const end = 'return errors === 0;}';
  const [before = '', body = '', ...others] = source.split('function validate0(');
  const head = before.replace(exporting, '');
  const [code = '', rest = '', ...more] = body.split(/(?<=return errors === 0;\})/);
  const isKnown = head.length < before.length && !head.endsWith('async ') && code.endsWith(end);
  // What comes before would be without the function, which is not hoisted any more.
  if (!isKnown || others.length > 0 || more.length > 0 || /validate\d/.test(head)) return source;
  return `${head}const validate0 = (function validate0(${code});${rest}${exporting}`;
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

function ordinaryAjv(given: Options): AjvCore.default {
  const { default: Ajv } = require('ajv/dist/core.js') as typeof AjvCore;
  const load = <T>(name: string): T =>
    (require(`ajv/dist/vocabularies/${name}/index.js`) as { default: T }).default;
  const ajv = new Ajv(given);
  ajv.addVocabulary(load<Vocabulary>('core'));
  ajv.addVocabulary(load<Vocabulary>('validation'));
  ajv.addVocabulary(load<(prefixItems: boolean) => Vocabulary>('applicator')(true));
  return ajv;
}

function completeAjv(given: Options): AjvCore.default {
  const { Ajv2020 } = require('ajv/dist/2020.js') as { Ajv2020: new (options: Options) => AjvCore.default };
  const ajv = new Ajv2020(given);
  (require('ajv-formats') as { default: (ajv: AjvCore.default) => void }).default(ajv);
  return ajv;
}
