/**
 * `ALTER … OWNER TO role` of a dump: told by a grammar of the whole statement, and run by the importer, never by
 * the administrator. What says more than that is no such statement.
 */

import type { Word } from './import-lex.ts';

export interface OwnerStatement {
  readonly role: Word;
  readonly ofSchema: boolean;
  /** In which the object is; null where it is in none, or its name does not say. */
  readonly schema: string | null;
  /** `schema.name` of what has rows or may be asked for some. */
  readonly relation: string | null;
}

/** What may follow ALTER, and what its name looks like. */
const kinds: readonly { readonly words: string; readonly shape: 'plain' | 'call' | 'operator' }[] = [
  { words: 'materialized view', shape: 'plain' },
  { words: 'foreign table', shape: 'plain' },
  { words: 'large object', shape: 'plain' },
  { words: 'text search configuration', shape: 'plain' },
  { words: 'text search dictionary', shape: 'plain' },
  { words: 'operator', shape: 'operator' },
  ...['function', 'procedure', 'aggregate'].map((words) => ({ words, shape: 'call' }) as const),
  ...[
    'table',
    'view',
    'sequence',
    'type',
    'domain',
    'schema',
    'collation',
    'conversion',
    'statistics',
    'server',
  ].map((words) => ({ words, shape: 'plain' }) as const),
];

/** Null where the statement is anything but one change of one object's owner. */
export function ownerStatement(list: readonly Word[]): OwnerStatement | null {
  const isWord = (at: number, value: string): boolean =>
    list[at]?.kind === 'word' && list[at]?.value === value;
  const isSign = (at: number, value: string): boolean =>
    list[at]?.kind === 'sign' && list[at]?.value === value;
  const isName = (at: number): boolean => list[at]?.kind === 'word' || list[at]?.kind === 'name';
  if (!isWord(0, 'alter')) return null;
  const kind = kinds.find(({ words }) => words.split(' ').every((word, index) => isWord(1 + index, word)));
  if (kind === undefined) return null;
  let at: number | null = 1 + kind.words.split(' ').length;
  if (kind.words === 'table' && isWord(at, 'only')) at += 1;
  const name = isSign(at + 1, '.') ? list[at + 2]?.value : list[at]?.value;
  const schema = isSign(at + 1, '.') ? list[at]!.value : null;
  if (kind.shape === 'operator') {
    if (isName(at) && isSign(at + 1, '.')) at += 2;
    const start = at;
    while (list[at]?.kind === 'sign' && /^[-+*/<>=~!@#%^&|`?]$/.test(list[at]?.value ?? '')) at += 1;
    if (at === start) return null;
  } else {
    if (!isName(at)) return null;
    at += isSign(at + 1, '.') ? 3 : 1;
    if (!isName(at - 1)) return null;
  }
  if (kind.shape === 'call' || kind.shape === 'operator') at = endOfArguments(list, at);
  if (at === null) return null;
  const whole = isWord(at, 'owner') && isWord(at + 1, 'to') && isName(at + 2) && list.length === at + 3;
  if (!whole) return null;
  const relation = kind.shape === 'plain' && /table|view|sequence/.test(kind.words);
  return {
    role: list[at + 2]!,
    ofSchema: kind.words === 'schema',
    schema,
    relation: relation ? `${schema ?? 'public'}.${name}` : null,
  };
}

/** After the closing parenthesis of a signature: names and types only. */
function endOfArguments(list: readonly Word[], start: number): number | null {
  let depth = 0;
  for (let at = start; at < list.length; at += 1) {
    const { kind, value } = list[at]!;
    if (kind === 'text') return null;
    if (kind === 'sign' && value === '(') depth += 1;
    else if (kind === 'sign' && value === ')') depth -= 1;
    else if (depth === 0 || (kind === 'sign' && !/^[.,*[\]]$/.test(value))) return null;
    if (depth === 0) return at + 1;
  }
  return null;
}
