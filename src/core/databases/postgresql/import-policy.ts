/** `CREATE POLICY` of a dump whose roles this server may not have. Pure. */

import { HoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import type { Word } from './import-lex.ts';
import { type Refuse, tableAt } from './import-tables.ts';

export interface Policy {
  /** Table and name. */
  readonly key: string;
  readonly roles: readonly string[];
  /** Takes rows away; others only give some. */
  readonly restrictive: boolean;
}

const isWord = (word: Word | undefined, value: RegExp): boolean =>
  word?.kind === 'word' && value.test(word.value);

/** `CREATE POLICY name ON table [AS kind] [FOR command] [TO roles] [USING …] [WITH CHECK …]` */
export function policyOf(list: readonly Word[], refuse: Refuse): Policy {
  const { table, next } = tableAt(list, 4, refuse);
  let at = next;
  const restrictive = isWord(list[at], /^as$/) && isWord(list[at + 1], /^restrictive$/);
  if (isWord(list[at], /^as$/)) at += 2;
  if (isWord(list[at], /^for$/)) at += 2;
  const rest = isWord(list[at], /^to$/) ? list.slice(at + 1) : [];
  const end = rest.findIndex((word) => isWord(word, /^(using|with)$/));
  const roles = rest
    .slice(0, end < 0 ? rest.length : end)
    .filter(({ kind }) => kind === 'name' || kind === 'word')
    .filter((word) => !isWord(word, /^(public|current_role|current_user|session_user)$/))
    .map(({ value }) => value);
  return { key: policyKey(table, list[2]), roles, restrictive };
}

export const policyKey = (table: string, name: Word | undefined): string => `${table}.${name?.value}`;

/**
 * Whether the dump's policy can be had. Without one that gives rows nobody sees more than before.
 *
 * @throws IMPORT_REFUSED it takes rows away, and would take none
 */
export function hasRoles({ key, roles, restrictive }: Policy, existing: ReadonlySet<string>): boolean {
  const missing = roles.find((role) => !existing.has(role));
  if (missing === undefined) return true;
  if (!restrictive) return false;
  throw new HoldfastError(
    'IMPORT_REFUSED',
    `the restrictive policy ${quoted(key)} is for role ${quoted(missing)}, which this server does not have: without it more rows could be seen`,
    { hint: `Make the role ${quoted(missing)} (CREATE ROLE), then run the command again.` },
  );
}
