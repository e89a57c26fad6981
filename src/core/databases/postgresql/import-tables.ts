/** Statements of a dump that concern one table: rows that go into it, and what leads out of it. Pure. */

import type { Verdict } from './import-filter.ts';
import { qualifiedName, type Word } from './import-lex.ts';
import { quoteName } from './names.ts';

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

/** `REFRESH MATERIALIZED VIEW [CONCURRENTLY] view` */
export function refreshedView(list: readonly Word[], refuse: Refuse): string {
  const at = list[3]?.kind === 'word' && list[3].value === 'concurrently' ? 4 : 3;
  return tableAt(list, at, refuse).table;
}

export interface ForeignKey {
  /** Table and name. */
  readonly key: string;
  readonly table: string;
  /** The table that it leads to, also as SQL. */
  readonly target: string;
  readonly quotedTarget: string;
}

/** `ALTER TABLE [ONLY] table ADD CONSTRAINT name FOREIGN KEY … REFERENCES target` */
function foreignKeyOf(list: readonly Word[], refuse: Refuse): ForeignKey {
  const { table, next } = alteredTable(list, refuse);
  const at = list.findIndex(({ kind, value }) => kind === 'word' && value === 'references');
  const to = qualifiedName(list, at + 1);
  if (at < 0 || to === null) return refuse('has a foreign key that leads nowhere');
  const { schema, name: leaf } = to;
  return {
    key: `${table}.${list[next + 2]?.value}`,
    table,
    target: `${schema ?? 'public'}.${leaf}`,
    quotedTarget: `${schema === null ? '' : `${quoteName(schema)}.`}${quoteName(leaf)}`,
  };
}

/** `ALTER TABLE [IF EXISTS] [ONLY] table` */
function alteredTable(list: readonly Word[], refuse: Refuse): ReturnType<typeof tableAt> {
  const isWord = (at: number, value: string): boolean =>
    list[at]?.kind === 'word' && list[at]?.value === value;
  const exists = isWord(2, 'if') && isWord(3, 'exists') ? 4 : 2;
  return tableAt(list, isWord(exists, 'only') ? exists + 1 : exists, refuse);
}

/** What makes an index or a sequence: the importer may, and the server looks at the rows as their owner. */
const making = / add (constraint \S+ )?(primary key|unique|exclude|generated) ?| add generated /;

/** Where the statement may look at the rows: it runs as whoever they belong to. */
export function alterTableOf(list: readonly Word[], refuse: Refuse): Verdict {
  const inOrder = list.map(({ kind, value }) => (kind === 'word' ? value : '.')).join(' ');
  if (/ (enable|disable|force|no force) row level security$/.test(inOrder)) return { type: 'last' };
  if (/ foreign key /.test(inOrder)) return { type: 'foreign-key', ...foreignKeyOf(list, refuse) };
  return making.test(inOrder)
    ? { type: 'run' }
    : { type: 'alter-table', table: alteredTable(list, refuse).table };
}
