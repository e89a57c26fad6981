/** Reads one file of the configuration, and says what its schema finds wrong in it. */

import { isUtf8 } from 'node:buffer';
import type { JsonSchema, Settings } from '../contracts/addin.ts';
import { readRegularFile } from '../regular-file.ts';
import { type ConfigProblem, describeErrors, kindOf } from '../settings/problems.ts';
import { validate } from '../settings/validate.ts';
import { inlineSecrets } from './check-use.ts';
import { parseJson } from './parse-json.ts';

const largestBytes = 1024 * 1024;

/** Null where there is no object to look at any further. */
export async function readDocument(file: string, problems: ConfigProblem[]): Promise<Settings | null> {
  const problem = (message: string, hint: string): null => {
    problems.push({ file, pointer: '', message, hint });
    return null;
  };
  let bytes: Buffer | null;
  try {
    bytes = await readRegularFile(file);
  } catch (cause) {
    const code = String((cause as NodeJS.ErrnoException).code);
    if (code === 'ENOTDIR')
      return problem('is not in a directory', '--config names the directory, not a file.');
    if (code !== 'ENOENT') return problem(`cannot be read: ${code}`, 'Let Holdfast read the file.');
    return problem('there is no such file', 'Create it, or name another configuration with --config DIR.');
  }
  if (bytes === null) return problem('is not a regular file', 'Put a file in its place.');
  if (bytes.length > largestBytes) return problem('is larger than 1 MiB', 'Put the right file in its place.');
  if (!isUtf8(bytes)) {
    // Read all the same, a name in it would be that of something else.
    const lines = bytes.toString('latin1').split('\n');
    const line = lines.findIndex((one) => !isUtf8(Buffer.from(one, 'latin1'))) + 1;
    return problem(`line ${line} is not UTF-8`, 'Save the file as UTF-8.');
  }
  const parsed = parseJson(bytes.toString('utf8').replace(/^\ufeff/, ''));
  if ('fault' in parsed) {
    const { line, column, what } = parsed.fault;
    return problem(`line ${line}, column ${column}: ${what}`, `Correct the JSON at line ${line}.`);
  }
  const { value } = parsed;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Settings;
  return problem(`must be object, is ${kindOf(value)}`, 'Write a value of the right kind.');
}

/** Fills in the defaults that the schema names, in place. */
export const schemaProblems = (file: string, document: Settings, schema: JsonSchema): ConfigProblem[] => [
  ...describeErrors(file, validate(document, schema)),
  ...inlineSecrets(file, document, schema, ''),
];
