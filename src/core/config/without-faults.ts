/**
 * What is left of a configuration without its parts at fault: enough to read a store by.
 *
 * In a disaster a configuration is half rebuilt, and what only backups need must not stand in the way of a restore.
 * Commands that write go by a configuration without any fault instead. Pure.
 */

import type { Settings } from '../contracts/addin.ts';
import { type ConfigProblem, configInvalid } from '../settings/problems.ts';

/** Properties of a document. */
interface Parts {
  /** It is of no use without them. */
  readonly needed: readonly string[];
  /** Stay as they are: whoever uses them asks whether they are sound. */
  readonly kept?: readonly string[];
  /** Lists that are lost with one of their items: of what is left, the only one would be taken for the one that is meant. */
  readonly whole?: readonly string[];
  /** By the name of a list, what its items can do without. */
  readonly spared?: Readonly<Record<string, readonly string[]>>;
}

/** The property of the document that a JSON pointer leads into, `''` where it is the whole. */
export const partAt = (pointer: string): string => pointer.split('/')[1] ?? '';

/**
 * A copy without the properties that problems point into; of a list that is not lost whole, without those of its
 * items, which stay where it is spared what is wrong with them.
 *
 * @returns null where one of them is needed, or the problem is the whole document's
 */
export function withoutFaults<T extends Settings>(
  document: T,
  problems: readonly Pick<ConfigProblem, 'pointer'>[],
  { needed, whole = [], spared = {} }: Omit<Parts, 'kept'>,
): T | null {
  const rest: Record<string, unknown> = structuredClone(document);
  const items = new Map<string, Set<number>>();
  for (const { pointer } of problems) {
    const part = partAt(pointer);
    if (needed.includes(part) || !Object.hasOwn(document, part)) return null;
    const [, , item, property = ''] = pointer.split('/');
    if (spared[part]?.includes(property) === true && dropped(rest[part], Number(item), property)) continue;
    if (Array.isArray(rest[part]) && item !== undefined && !whole.includes(part)) {
      const faulty = items.get(part) ?? new Set();
      items.set(part, faulty.add(Number(item)));
    } else delete rest[part];
  }
  for (const [part, faulty] of items) {
    const list = rest[part];
    if (Array.isArray(list)) rest[part] = list.filter((_, index) => !faulty.has(index));
  }
  return rest as T;
}

/** Whether that item of the list had the property. */
function dropped(list: unknown, index: number, property: string): boolean {
  const item: unknown = Array.isArray(list) ? list[index] : null;
  if (typeof item !== 'object' || item === null || !Object.hasOwn(item, property)) return false;
  return Reflect.deleteProperty(item, property);
}

/** A problem of what was left when those parts had been shortened: items of lists are not where they were. */
export const inShortened = (problem: ConfigProblem, parts: readonly string[]): ConfigProblem => {
  const part = partAt(problem.pointer);
  return parts.includes(part) ? { ...problem, pointer: `/${part}` } : problem;
};

/**
 * The document as far as `check`, which may fill in defaults, finds nothing wrong with it.
 *
 * @returns null where nothing is left of it; with all that was wrong
 */
export function soundPart<T extends Settings>(
  document: T,
  check: (document: T) => readonly ConfigProblem[],
  { kept = [], ...parts }: Parts,
): { readonly value: T | null; readonly problems: readonly ConfigProblem[] } {
  const isOut = ({ pointer }: ConfigProblem): boolean => !kept.includes(partAt(pointer));
  const problems = [...check(document)];
  let value: T | null = document;
  let left = problems.filter(isOut);
  while (left.length > 0) {
    value = withoutFaults(value, left, parts);
    if (value === null) break;
    const shortened = problems.map(({ pointer }) => partAt(pointer));
    // What one fault had hidden: some checks need a document that fits its schema.
    left = check(value).filter(isOut);
    problems.push(...left.map((one) => inShortened(one, shortened)));
  }
  return { value, problems };
}

export interface Faulty {
  /** Whose parts were left out; empty where the configuration is as its files say. */
  readonly faults: readonly ConfigProblem[];
}

const within = (name: string, { file, pointer }: ConfigProblem): boolean =>
  file.endsWith('/config.json') && partAt(pointer) === name;

/** Whether anything was wrong with that property of config.json. */
export const isFaulty = ({ faults }: Faulty, name: string): boolean =>
  faults.some((one) => within(name, one));

/** For what uses that property of config.json. @throws CONFIG_INVALID something was wrong with it */
export function requireSound({ faults }: Faulty, name: string): void {
  const found = faults.filter((one) => within(name, one));
  if (found.length > 0) throw configInvalid(found);
}

/** Where it backs up is nothing that a rule leaves out. */
const destination = /^\/policy\/\d+\/destination$/;

/**
 * For what must know all that backups leave out: rules, and the scope backups.exclude.
 *
 * @throws CONFIG_INVALID something was wrong with what may say so
 */
export function requireExclusions({ faults }: Faulty): void {
  const found = faults.filter(
    (one) =>
      (within('policy', one) && !destination.test(one.pointer)) ||
      (one.file.endsWith('/scopes.json') && ['', '/values/backups.exclude'].includes(one.pointer)),
  );
  if (found.length > 0) throw configInvalid(found);
}
