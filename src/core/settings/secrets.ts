/**
 * Secrets by reference: finds them in settings, refuses inline ones, reads them when they are needed.
 *
 * Secrets are properties whose schema says `"x-secret": true`. A configuration holds only where they
 * are (`env:NAME`, `file:/path`), so that it can be shown, copied and backed up. No message of this
 * module ever holds the value of such a property.
 */

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { JsonSchema, Settings } from '../contracts/addin.ts';
import { HoldfastError } from '../errors.ts';
import { printable } from '../printable.ts';

export interface SecretWorld {
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface SecretAt {
  /** JSON pointer inside the settings. */
  readonly pointer: string;
  readonly reference: string;
}

const reference = /^(?:env:(?<name>[A-Za-z_][A-Za-z0-9_]*)|file:(?<path>\/.+))$/s;
const largestBytes = 64 * 1024;

export function isSecretReference(text: string): boolean {
  return reference.test(text);
}

/** Every string that stands where the schema says a secret belongs, reference or not. */
export function secretsIn(settings: unknown, schema: JsonSchema): SecretAt[] {
  const found = new Map<string, string>();
  visit(settings, schema, schema, '', (pointer, text) => found.set(pointer, text));
  return [...found].map(([pointer, text]) => ({ pointer, reference: text }));
}

/**
 * A copy of the settings with every secret in place of its reference. Call it when an addin or a
 * database is opened, not before: one broken secret must not stop the others.
 *
 * @throws SECRET_UNUSABLE the variable is not set, or the file is absent, empty, not private or no file
 */
export async function resolveSecrets<S extends Settings>(
  settings: S,
  schema: JsonSchema,
  world: SecretWorld,
): Promise<S> {
  const values = new Map<string, string>();
  for (const { pointer, reference: text } of secretsIn(settings, schema)) {
    values.set(pointer, await readSecret(text, world));
  }
  return replace(settings, '', values) as S;
}

/** @throws SECRET_UNUSABLE as `resolveSecrets` */
export async function readSecret(text: string, world: SecretWorld): Promise<string> {
  const { name, path } = reference.exec(text)?.groups ?? {};
  if (name !== undefined) {
    const value = world.env[name];
    if (value) return value;
    const problem = value === undefined ? 'is not set' : 'is empty';
    throw unusable(`environment variable ${name} ${problem}`, `Set ${name} in the environment of Holdfast.`);
  }
  if (path !== undefined) return readSecretFile(path);
  throw unusable('a secret is not a reference', 'Write env:NAME or file:/path in the configuration.');
}

async function readSecretFile(path: string): Promise<string> {
  const shown = `secret file ${printable(path)}`;
  let handle: FileHandle;
  try {
    // Non-blocking, because opening a FIFO would otherwise wait for ever.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ELOOP') throw unusable(`${shown} is a symbolic link`, 'Name the file itself.');
    const hint = code === 'ENOENT' ? 'Create the file with mode 0600.' : 'Let Holdfast read the file.';
    throw unusable(`cannot open ${shown}: ${code}`, hint);
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw unusable(`${shown} is not a regular file`, 'Name a regular file.');
    if ((stat.mode & 0o077) !== 0) {
      const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
      throw unusable(
        `${shown} has mode ${mode}, so others can reach it`,
        `Run chmod 0600 ${printable(path)}.`,
      );
    }
    if (stat.uid !== 0 && stat.uid !== process.getuid?.()) {
      throw unusable(`${shown} belongs to uid ${stat.uid}`, 'Let root own the file.');
    }
    if (stat.size > largestBytes) throw unusable(`${shown} is larger than 64 KiB`, 'Name the right file.');
    const value = (await handle.readFile('utf8')).replace(/\r?\n$/, '');
    if (value === '') throw unusable(`${shown} is empty`, 'Write the secret into the file.');
    return value;
  } finally {
    await handle.close();
  }
}

function unusable(message: string, hint: string): HoldfastError {
  return new HoldfastError('SECRET_UNUSABLE', message, { hint });
}

function visit(
  value: unknown,
  schema: JsonSchema,
  root: JsonSchema,
  pointer: string,
  found: (pointer: string, text: string) => void,
): void {
  if (schema['x-secret'] === true && typeof value === 'string') found(pointer, value);
  const into = (inner: unknown, part: unknown, at: string): void => {
    if (isObject(part)) visit(inner, part, root, at, found);
  };
  for (const branch of ['allOf', 'anyOf', 'oneOf'].flatMap((word) => asArray(schema[word]))) {
    into(value, branch, pointer);
  }
  const definition = /^#\/\$defs\/([^/]+)$/.exec(String(schema['$ref'] ?? ''))?.[1];
  if (definition !== undefined && isObject(root['$defs'])) into(value, root['$defs'][definition], pointer);
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) into(item, schema['items'], `${pointer}/${index}`);
  } else if (isObject(value)) {
    const properties = isObject(schema['properties']) ? schema['properties'] : {};
    for (const [name, inner] of Object.entries(value)) {
      const part = Object.hasOwn(properties, name) ? properties[name] : schema['additionalProperties'];
      into(inner, part, `${pointer}/${escapePointer(name)}`);
    }
  }
}

function replace(value: unknown, pointer: string, values: ReadonlyMap<string, string>): unknown {
  const secret = values.get(pointer);
  if (secret !== undefined) return secret;
  if (Array.isArray(value)) return value.map((item, index) => replace(item, `${pointer}/${index}`, values));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      replace(inner, `${pointer}/${escapePointer(name)}`, values),
    ]),
  );
}

/** One name as a JSON pointer has it. */
export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
