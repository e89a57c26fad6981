/**
 * What is wrong with a configuration, in words that say how to mend it.
 *
 * Owns the wording. Values of secret properties never appear; other text is escaped, since a
 * configuration may have been written by somebody else's tool.
 */

import type { ErrorObject } from 'ajv';
import { HoldfastError } from '../errors.ts';
import { didYouMean } from '../near-matches.ts';
import { printable, quoted } from '../printable.ts';

export interface ConfigProblem {
  /** Path of the file. */
  readonly file: string;
  /** JSON pointer of the value at fault, `''` for the whole document. */
  readonly pointer: string;
  /** What is wrong and what is right, without the place. */
  readonly message: string;
  /** What to do, as one imperative sentence. */
  readonly hint: string;
}

/** One CONFIG_INVALID that names every problem, the first one's hint with it. */
export function configInvalid(problems: readonly ConfigProblem[]): HoldfastError {
  const lines = problems.map(showProblem);
  const message =
    lines.length === 1
      ? `${lines[0]}`
      : `${lines.length} problems in the configuration:\n  ${lines.join('\n  ')}`;
  return new HoldfastError('CONFIG_INVALID', message, {
    hint: problems[0]?.hint ?? 'Correct the configuration.',
  });
}

export function showProblem({ file, pointer, message }: ConfigProblem): string {
  return `${printable(file)}${pointer === '' ? '' : ` ${printable(pointer)}`}: ${message}`;
}

const encryptionHint =
  'Write "encryption": { "recipients": ["age1…"] } with your age public key, or "encryption": "none" on purpose.';

/** Turns ajv's findings (with `verbose`) about one document into problems, most of the noise left out. */
export function describeErrors(file: string, errors: readonly ErrorObject[], base = ''): ConfigProblem[] {
  const problems = relevant(errors).map((error): ConfigProblem => {
    const { message, hint } = describe(error);
    return { file, pointer: `${base}${error.instancePath}`, message, hint };
  });
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const key = showProblem(problem);
    return seen.has(key) ? false : seen.add(key);
  });
}

/** Of alternatives that were tried in vain, keeps those that fit the kind of value that is there. */
function relevant(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const choices = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf');
  return errors.filter((error) => {
    const choice = choices.find(
      (one) =>
        one !== error &&
        one.instancePath === error.instancePath &&
        error.schemaPath.startsWith(one.schemaPath),
    );
    if (choice !== undefined) return error.keyword !== 'type' && error.keyword !== 'const';
    if (!choices.includes(error)) return true;
    // The choice itself is worth a line only where no alternative says more.
    return !errors.some(
      (other) =>
        other !== error &&
        other.schemaPath.startsWith(error.schemaPath) &&
        !(other.instancePath === error.instancePath && ['type', 'const'].includes(other.keyword)),
    );
  });
}

function describe(error: ErrorObject): { message: string; hint: string } {
  const { keyword, params, data } = error;
  const schema = (error.parentSchema ?? {}) as Record<string, unknown>;
  const secret = schema['x-secret'] === true;
  const examples = Array.isArray(schema['examples']) ? schema['examples'] : [];
  const example = examples.length === 0 ? '' : `, for example ${JSON.stringify(examples[0])}`;
  if (error.instancePath === '/encryption' && keyword !== 'additionalProperties') {
    return { message: 'must be recipients or "none"', hint: encryptionHint };
  }
  switch (keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = String(params['additionalProperty'] ?? params['unevaluatedProperty']);
      const known = Object.keys((schema['properties'] ?? {}) as object).filter((one) => one !== '$schema');
      const list = known.length === 0 ? 'there are none here' : `known are ${known.join(', ')}`;
      return {
        message: `unknown property ${quoted(name)}; ${didYouMean(name, known) ?? list}`,
        hint: `Correct or remove ${quoted(name)}.`,
      };
    }
    case 'required': {
      const name = String(params['missingProperty']);
      if (name === 'encryption') return { message: 'property "encryption" is missing', hint: encryptionHint };
      const part = (schema['properties'] as Record<string, Record<string, unknown>> | undefined)?.[name];
      const about = typeof part?.['description'] === 'string' ? ` (${part['description']})` : '';
      return { message: `property ${quoted(name)} is missing${about}`, hint: `Add ${quoted(name)}.` };
    }
    case 'enum': {
      const allowed = (params['allowedValues'] as unknown[]).map((value) => JSON.stringify(value));
      const is = typeof data === 'string' && !secret ? `, is ${quoted(data)}` : '';
      return {
        message: `must be one of ${allowed.join(', ')}${is}`,
        hint: 'Choose one of the allowed values.',
      };
    }
    case 'const':
      return {
        message: `must be ${JSON.stringify(params['allowedValue'])}`,
        hint: 'Write exactly this value.',
      };
    case 'type':
      return {
        message: `must be ${String(params['type'])}, is ${kindOf(data)}`,
        hint: `Write a value of the right kind${example}.`,
      };
    case 'pattern':
    case 'format': {
      const about = typeof schema['description'] === 'string' ? ` (${schema['description']})` : '';
      const is = typeof data === 'string' && !secret ? `${quoted(data)} ` : '';
      return { message: `${is}has the wrong form${about}`, hint: `Write it in the right form${example}.` };
    }
    default:
      return { message: error.message ?? `breaks the rule ${keyword}`, hint: `Correct the value${example}.` };
  }
}

export function kindOf(data: unknown): string {
  if (data === null) return 'null';
  return Array.isArray(data) ? 'array' : typeof data;
}
