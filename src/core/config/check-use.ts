/** Validates the settings of an addin, which stand beside `use`, by the schema that its definition brings. */

import type { AddinDefinition, JsonSchema } from '../contracts/addin.ts';
import { didYouMean } from '../near-matches.ts';
import { printable, quoted } from '../printable.ts';
import { type ConfigProblem, describeErrors } from '../settings/problems.ts';
import { isSecretReference, secretsIn } from '../settings/secrets.ts';
import { validate } from '../settings/validate.ts';
import { type Installed, installed } from './installed.ts';

interface Place extends Installed {
  readonly file: string;
  readonly problems: ConfigProblem[];
}

/** Nothing is lost without them: where a package is refused, backups go on and say so. */
const dispensable: readonly string[] = ['notifier', 'scope'];

/** Adds what is wrong to `problems`, and fills in defaults, in place. */
export function checkUse(
  kind: AddinDefinition['kind'],
  settings: unknown,
  pointer: string,
  { file, definitions, refused = [], problems }: Place,
): void {
  const use = (settings as { use?: unknown } | null | undefined)?.use;
  if (typeof use !== 'string' || use === '') return;
  const definition = installed(kind, use, definitions);
  if (definition !== null) {
    problems.push(...describeErrors(file, validate(settings, definition.settingsSchema), pointer));
    problems.push(...inlineSecrets(file, settings, definition.settingsSchema, pointer));
    return;
  }
  const why = refused.find((one) => one.kind === kind && one.name === use);
  const whole = refused.filter(({ name }) => name === null);
  if (dispensable.includes(kind) && (why !== undefined || whole.length > 0)) return;
  if (why !== undefined) {
    const message = `the ${kind} ${quoted(use)} is refused: ${printable(why.message, 1000)}`;
    problems.push({ file, pointer: `${pointer}/use`, message, hint: printable(why.hint, 1000) });
    return;
  }
  const names = definitions.flatMap((one) => (one.kind === kind ? [one.name] : [])).sort();
  const list = names.length === 0 ? 'none is installed' : `installed are ${names.join(', ')}`;
  const guess = didYouMean(use, names);
  // A package that is refused as a whole says nothing about what is in it.
  const perhaps = whole.map(
    (one) => `; the package ${printable(one.source, 200)} is refused: ${printable(one.message, 1000)}`,
  );
  const message = `there is no ${kind} ${quoted(use)}; ${list}${guess === null ? '' : `; ${guess}`}${perhaps.join('')}`;
  const hint = whole[0] === undefined ? `Name an installed ${kind}.` : printable(whole[0].hint, 1000);
  problems.push({ file, pointer: `${pointer}/use`, message, hint });
}

export function inlineSecrets(
  file: string,
  value: unknown,
  schema: JsonSchema,
  base: string,
): ConfigProblem[] {
  return secretsIn(value, schema)
    .filter(({ reference }) => !isSecretReference(reference))
    .map(({ pointer }) => ({
      file,
      pointer: `${base}${pointer}`,
      message: 'must be a reference to the secret (env:NAME or file:/absolute/path), never the secret itself',
      hint: 'Move the secret to a file with mode 0600 and write file:PATH here.',
    }));
}
