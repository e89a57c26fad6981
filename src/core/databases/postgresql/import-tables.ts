/** Statements of a dump that concern one table: rows that go into it, and what leads out of it. Pure. */

import type { Verdict } from './import-filter.ts';
import { qualifiedName, type Word } from './import-lex.ts';

export type Refuse = (why: string) => never;

export function tableAt(
  list: readonly Word[],
  at: number,
  refuse: Refuse,
): { readonly table: string; readonly next: number } {
  const found = qualifiedName(list, at);
  if (found === null) return refuse('has a strange name');
  return { table: `${found.schema ?? 'public'}.${found.name}`, next: found.next };
}

const name = '(?:"(?:[^"]|"")+"|[A-Za-z0-9_$\\u0080-\\uffff]+)';
/** As pg_dump writes it. The server gets it in a message that may hold several statements, so nothing else may be in it. */
const copyStatement = new RegExp(
  `^COPY[ \\n]+${name}(\\.${name})?[ \\n]*(\\([ \\n]*${name}([ \\n]*,[ \\n]*${name})*[ \\n]*\\))?[ \\n]+FROM[ \\n]+stdin[ \\n]*$`,
  'i',
);

export function copyOf(
  text: string,
  list: readonly Word[],
  refuse: Refuse,
): Extract<Verdict, { readonly type: 'copy' }> {
  if (!copyStatement.test(text)) return refuse('copies in another way than pg_dump does');
  return { type: 'copy', table: tableAt(list, 1, refuse).table };
}

export function insertOf(list: readonly Word[], refuse: Refuse): Verdict {
  const { table, next } = tableAt(list, 2, refuse);
  const rest = list.slice(next);
  const start = rest.findIndex(
    ({ kind, value }) => kind === 'word' && (value === 'values' || value === 'select'),
  );
  if (rest[start]?.value !== 'values') return refuse('inserts something other than values');
  let [depth, rows] = [0, 0];
  for (const { kind, value } of rest.slice(start)) {
    if (kind !== 'sign') continue;
    if (value === '(') depth += 1;
    else if (value === ')') {
      depth -= 1;
      if (depth === 0) rows += 1;
    }
  }
  return { type: 'insert', table, rows };
}

/** `ALTER TABLE [ONLY] table ADD CONSTRAINT name FOREIGN KEY`: table and name. */
export function foreignKeyOf(list: readonly Word[], refuse: Refuse): string {
  const only = list[2]?.kind === 'word' && list[2].value === 'only';
  const { table, next } = tableAt(list, only ? 3 : 2, refuse);
  return `${table}.${list[next + 2]?.value}`;
}
