/**
 * Decides what becomes of each statement of a dump: run it now, run it after all rows, leave it out, or refuse
 * the dump.
 *
 * This is the first fence. The second is the role that runs what passes: no superuser, and a member of the
 * account's roles only. No text of a dump reaches an administrator's session.
 */

import { HoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import { qualifiedName, type Word, words } from './import-lex.ts';
import { type OwnerStatement, ownerStatement } from './import-owner.ts';

export type Verdict =
  | { readonly type: 'run' }
  /** Of the dump's own text. */
  | { readonly type: 'encoding'; readonly name: string }
  /** Needs all rows, and must not hide any before materialized views are filled. */
  | { readonly type: 'last' }
  | { readonly type: 'copy'; readonly table: string }
  | { readonly type: 'insert'; readonly table: string; readonly rows: number }
  | { readonly type: 'table'; readonly table: string }
  | { readonly type: 'extension'; readonly name: string; readonly schema: string | null }
  /** Nothing but a change of owner, which waits until all is there. */
  | ({ readonly type: 'owner' } & OwnerStatement)
  | { readonly type: 'grant'; readonly roles: readonly string[] }
  /** Default privileges of what the roles `of` make; they wait as a change of owner does. */
  | { readonly type: 'defaults'; readonly of: readonly string[]; readonly roles: readonly string[] }
  /** The value of a sequence, which may be an extension's. */
  | { readonly type: 'sequence' }
  | { readonly type: 'foreign-key' }
  | { readonly type: 'skip'; readonly what: string | null };

const run: Verdict = { type: 'run' };
const creatable =
  /^(table|unlogged|view|recursive|materialized|sequence|function|procedure|aggregate|trigger|constraint|index|unique|type|domain|schema|cast|collation|conversion|operator|rule|policy|statistics|text|or|foreign|server|default|temp|temporary)$/;
/** Functions with which dumps set sequences and write large objects. */
const callable = /^(set_config|setval|lo_create|lo_open|lo_close|lowrite|lo_unlink)$/;

/** @throws IMPORT_REFUSED the dump holds what no part of one database is */
export function judge(text: string, line: number): Verdict {
  const list = words(text);
  const value = (at: number): string => (list[at]?.kind === 'word' ? list[at].value : '');
  const refuse = (why: string): never => {
    throw refused(line, why);
  };
  switch (value(0)) {
    case 'set':
      return setOf(list, refuse);
    case 'reset':
      return value(1) === 'session' ? { type: 'skip', what: null } : refuse('resets settings');
    case 'begin':
    case 'commit':
      return run;
    case 'select':
      return selectOf(list, refuse);
    case 'copy':
      return copyOf(list, refuse);
    case 'insert':
      return insertOf(list, refuse);
    case 'create':
      return createOf(list, refuse);
    case 'alter':
      return alterOf(list, refuse);
    case 'comment':
      return value(2) === 'extension' || value(2) === 'database' || isOperatorClass(list, 2)
        ? { type: 'skip', what: null }
        : run;
    case 'grant':
    case 'revoke':
      return { type: 'grant', roles: granteesOf(list) };
    case 'refresh':
      return run;
    case 'security':
      return { type: 'skip', what: 'security labels' };
    case 'drop':
      return /^(database|role|user|tablespace|owned|subscription)$/.test(value(1))
        ? refuse('drops what is not in it')
        : run;
    default:
      return refuse(`has ${quoted(value(0).toUpperCase())}, which an import may not do`);
  }
}

/**
 * Whether a statement brings nothing that another one could stumble over: settings, bare schemas, collations, comments. An
 * extension's script that an administrator runs must find nothing of the dump's making.
 */
export function isBare(text: string): boolean {
  const list = words(text, 8);
  const value = (at: number): string => (list[at]?.kind === 'word' ? list[at].value : '');
  if (value(0) === 'set' || value(0) === 'comment') return true;
  if (value(0) === 'select') return value(3) === 'set_config';
  if (value(0) === 'create' && value(1) === 'collation') return true;
  const at = value(2) === 'if' ? 5 : 2;
  return value(0) === 'create' && value(1) === 'schema' && list.length === at + 1;
}

type Refuse = (why: string) => never;

function setOf(list: readonly Word[], refuse: Refuse): Verdict {
  const value = (at: number): string => (list[at]?.kind === 'word' ? list[at].value : '');
  if (value(1) === 'session' && value(2) === 'authorization') return { type: 'skip', what: null };
  if (value(1) === 'role' || value(1) === 'session_authorization') return refuse('changes the role');
  const inOrder = list.map((word) => word.value.toLowerCase());
  const at = inOrder.findIndex((word) => word === 'client_encoding' || word === 'names');
  if (at < 0) return run;
  const name = list[inOrder[at] === 'names' ? at + 1 : at + 2];
  const whole = at === 1 && name !== undefined && list.at(-1) === name && name.kind !== 'sign';
  return whole ? { type: 'encoding', name: name.value } : refuse('sets the encoding in a way of its own');
}

function selectOf(list: readonly Word[], refuse: Refuse): Verdict {
  const [schema, dot, name, open, first] = list.slice(1);
  const isCall =
    schema?.value === 'pg_catalog' && schema.kind === 'word' && dot?.value === '.' && open?.value === '(';
  if (!isCall || name?.kind !== 'word' || !callable.test(name.value)) return refuse('runs a query');
  if (name.value === 'set_config' && first?.value.toLowerCase() === 'client_encoding')
    return refuse('sets the encoding in a way of its own');
  return name.value === 'setval' ? { type: 'sequence' } : run;
}

/** They need a superuser. */
const isOperatorClass = (list: readonly Word[], at: number): boolean =>
  list[at]?.kind === 'word' &&
  list[at].value === 'operator' &&
  list[at + 1]?.kind === 'word' &&
  /^(class|family)$/.test(list[at + 1]?.value ?? '');

function tableAt(
  list: readonly Word[],
  at: number,
  refuse: Refuse,
): { readonly table: string; readonly next: number } {
  const found = qualifiedName(list, at);
  if (found === null) return refuse('has a strange name');
  return { table: `${found.schema ?? 'public'}.${found.name}`, next: found.next };
}

function copyOf(list: readonly Word[], refuse: Refuse): Verdict {
  const { table, next } = tableAt(list, 1, refuse);
  const rest = list.slice(next);
  const from = rest.findIndex(({ kind, value }) => kind === 'word' && value === 'from');
  return rest[from + 1]?.value === 'stdin' && from >= 0
    ? { type: 'copy', table }
    : refuse('copies from or to somewhere else');
}

function insertOf(list: readonly Word[], refuse: Refuse): Verdict {
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

function createOf(list: readonly Word[], refuse: Refuse): Verdict {
  const kinds = list.slice(1, 4).map(({ kind, value }) => (kind === 'word' ? value : ''));
  const [first = '', second = ''] = kinds;
  if (first === 'extension') {
    const at = kinds[1] === 'if' ? 5 : 2;
    const name = list[at]?.value ?? '';
    const schema = list.findIndex(
      ({ kind, value }, index) => index > at && kind === 'word' && value === 'schema',
    );
    return { type: 'extension', name, schema: schema < 0 ? null : (list[schema + 1]?.value ?? null) };
  }
  if (first === 'event' && second === 'trigger') return { type: 'skip', what: 'event triggers' };
  if (first === 'subscription' || first === 'publication') return { type: 'skip', what: `${first}s` };
  if (isOperatorClass(list, 1)) return { type: 'skip', what: 'operator classes and families' };
  if (first === 'policy') return { type: 'last' };
  if (!creatable.test(first)) return refuse(`creates ${quoted(first)}, which is no part of a database`);
  const at = first === 'unlogged' || first === 'foreign' ? 2 : 1;
  if (list[at]?.value !== 'table' || list[at]?.kind !== 'word') return run;
  const exists = list[at + 1]?.kind === 'word' && list[at + 1]?.value === 'if';
  return { type: 'table', table: tableAt(list, at + (exists ? 4 : 1), refuse).table };
}

const foreignToDatabase = /^(database|role|user|system|tablespace|subscription|group)$/;

function alterOf(list: readonly Word[], refuse: Refuse): Verdict {
  const value = (at: number): string => (list[at]?.kind === 'word' ? list[at].value : '');
  if (foreignToDatabase.test(value(1))) return refuse('alters what is not in the database');
  if (value(1) === 'event' || value(1) === 'publication' || value(1) === 'extension') {
    return { type: 'skip', what: null };
  }
  if (value(1) === 'default' && value(2) === 'privileges') {
    if (value(3) !== 'for') return { type: 'grant', roles: granteesOf(list) };
    const end = list.findIndex(({ kind, value: v }) => kind === 'word' && /^(in|grant|revoke)$/.test(v));
    const of = list.slice(5, end < 0 ? 5 : end).filter(({ kind }) => kind !== 'sign');
    return { type: 'defaults', of: of.map((one) => one.value), roles: granteesOf(list) };
  }
  if (isOperatorClass(list, 1)) return { type: 'skip', what: null };
  const owner = ownerStatement(list);
  if (owner !== null) return { type: 'owner', ...owner };
  const inOrder = list.map(({ kind, value }) => (kind === 'word' ? value : '.')).join(' ');
  if (/ (enable|disable|force|no force) row level security$/.test(inOrder)) return { type: 'last' };
  return / foreign key /.test(inOrder) ? { type: 'foreign-key' } : run;
}

/** Roles after the last TO or FROM; PUBLIC is none. */
function granteesOf(list: readonly Word[]): readonly string[] {
  const at = list.findLastIndex(({ kind, value }) => kind === 'word' && (value === 'to' || value === 'from'));
  const grantees = list
    .slice(at + 1)
    .filter(({ kind }) => kind === 'name' || kind === 'word')
    .map(({ value }) => value);
  return grantees.filter((name) => !/^(public|with|grant|option|cascade|group)$/.test(name));
}

function refused(line: number, why: string): HoldfastError {
  return new HoldfastError('IMPORT_REFUSED', `the statement near line ${line} of the dump ${why}`, {
    hint: 'Remove it from the dump, or restore another snapshot.',
  });
}
