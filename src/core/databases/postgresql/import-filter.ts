/**
 * Decides what becomes of each statement of a dump: run it now, run it after all rows, leave it out, or refuse
 * the dump.
 *
 * This is the first fence. The second is the role that runs what passes: no superuser, and a member of no role that was
 * there before. No text of a dump reaches an administrator's session.
 */

import { HoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import { type Word, words } from './import-lex.ts';
import { type OwnerStatement, ownerStatement } from './import-owner.ts';
import { type Policy, policyKey, policyOf } from './import-policy.ts';
import { granteesOf } from './import-rights.ts';
import {
  alterTableOf,
  copyOf,
  type ForeignKey,
  insertOf,
  type Refuse,
  refreshedView,
  tableAt,
} from './import-tables.ts';

export type Verdict =
  | { readonly type: 'run' }
  /** Of the session. */
  | { readonly type: 'setting' }
  | { readonly type: 'transaction'; readonly begins: boolean }
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
  /** Waits as a change of owner does: what an owner takes from himself is taken from whom he is then. */
  | { readonly type: 'grant'; readonly roles: readonly Word[] }
  /** Default privileges of what the roles `of` make. */
  | { readonly type: 'defaults'; readonly of: readonly Word[]; readonly roles: readonly Word[] }
  /** The value of a sequence, which may be an extension's. */
  | { readonly type: 'sequence' }
  /** Where new tables and indexes go; empty for the database's own. */
  | { readonly type: 'tablespace'; readonly name: string }
  /** Looks at rows, perhaps. */
  | { readonly type: 'alter-table'; readonly table: string }
  | ({ readonly type: 'foreign-key' } & ForeignKey)
  /** About a constraint, which may be a foreign key. */
  | { readonly type: 'constraint-comment'; readonly key: string }
  /** Fills a materialized view. */
  | { readonly type: 'refresh'; readonly view: string }
  | ({ readonly type: 'policy' } & Policy)
  | { readonly type: 'policy-comment'; readonly key: string }
  /** Which the importer owns, or not. */
  | { readonly type: 'extension-comment'; readonly name: string; readonly comment: string | null }
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
      return { type: 'transaction', begins: value(0) === 'begin' };
    case 'select':
      return selectOf(list, refuse);
    case 'copy':
      return copyOf(text, list, refuse);
    case 'insert':
      return insertOf(list, refuse);
    case 'create':
      return createOf(list, refuse);
    case 'alter':
      return alterOf(list, refuse);
    case 'comment':
      return commentOf(list, refuse);
    case 'grant':
    case 'revoke':
      return list.some((word) => word.kind === 'word' && word.value === 'on')
        ? { type: 'grant', roles: granteesOf(list) }
        : refuse('gives roles to roles');
    case 'refresh':
      return { type: 'refresh', view: refreshedView(list, refuse) };
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

function setOf(list: readonly Word[], refuse: Refuse): Verdict {
  const value = (at: number): string => (list[at]?.kind === 'word' ? list[at].value : '');
  if (value(1) === 'session' && value(2) === 'authorization') return { type: 'skip', what: null };
  if (value(1) === 'role' || value(1) === 'session_authorization') return refuse('changes the role');
  const inOrder = list.map((word) => word.value.toLowerCase());
  if (inOrder[1] === 'default_tablespace') {
    const tablespace = list[3];
    return list.length === 4 && tablespace !== undefined && tablespace.kind !== 'sign'
      ? { type: 'tablespace', name: tablespace.value }
      : refuse('sets the tablespace in a way of its own');
  }
  const at = inOrder.findIndex((word) => word === 'client_encoding' || word === 'names');
  if (at < 0) return { type: 'setting' };
  const name = list[inOrder[at] === 'names' ? at + 1 : at + 2];
  const whole = at === 1 && name !== undefined && list.at(-1) === name && name.kind !== 'sign';
  return whole ? { type: 'encoding', name: name.value } : refuse('sets the encoding in a way of its own');
}

/** A comment shares the fate of its object. */
function commentOf(list: readonly Word[], refuse: Refuse): Verdict {
  const what = list[2]?.kind === 'word' ? list[2].value : '';
  if (what === 'extension') {
    const comment = list[5]?.kind === 'text' ? list[5].value : null;
    return { type: 'extension-comment', name: list[3]?.value ?? '', comment };
  }
  if (/^(database|publication|subscription|event)$/.test(what) || isOperatorClass(list, 2))
    return { type: 'skip', what: null };
  if (what === 'policy')
    return { type: 'policy-comment', key: policyKey(tableAt(list, 5, refuse).table, list[3]) };
  const ofTable = list[4]?.kind === 'word' && list[4].value === 'on' && list[5]?.value !== 'domain';
  return what === 'constraint' && ofTable
    ? { type: 'constraint-comment', key: `${tableAt(list, 5, refuse).table}.${list[3]?.value}` }
    : run;
}

function selectOf(list: readonly Word[], refuse: Refuse): Verdict {
  const [schema, dot, name, open, first] = list.slice(1);
  const isCall =
    schema?.value === 'pg_catalog' && schema.kind === 'word' && dot?.value === '.' && open?.value === '(';
  if (!isCall || name?.kind !== 'word' || !callable.test(name.value)) return refuse('runs a query');
  if (name.value === 'set_config' && first?.value.toLowerCase() === 'client_encoding')
    return refuse('sets the encoding in a way of its own');
  let depth = 0;
  const end = list.findIndex(({ kind, value }) => {
    if (kind === 'sign' && value === '(') depth += 1;
    if (kind === 'sign' && value === ')') depth -= 1;
    return kind === 'sign' && value === ')' && depth === 0;
  });
  if (end !== list.length - 1) return refuse('runs a query');
  if (name.value === 'set_config') return { type: 'setting' };
  return name.value === 'setval' ? { type: 'sequence' } : run;
}

/** They need a superuser. */
const isOperatorClass = (list: readonly Word[], at: number): boolean =>
  list[at]?.kind === 'word' &&
  list[at].value === 'operator' &&
  list[at + 1]?.kind === 'word' &&
  /^(class|family)$/.test(list[at + 1]?.value ?? '');

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
  if (first === 'policy') return { type: 'policy', ...policyOf(list, refuse) };
  if (!creatable.test(first)) return refuse(`creates ${quoted(first)}, which is no part of a database`);
  const at = first === 'unlogged' || first === 'foreign' ? 2 : 1;
  if (list[at]?.value !== 'table' || list[at]?.kind !== 'word') return run;
  const exists = list[at + 1]?.kind === 'word' && list[at + 1]?.value === 'if';
  return { type: 'table', table: tableAt(list, at + (exists ? 4 : 1), refuse).table };
}

const foreignToDatabase = /^(database|role|user|system|tablespace|group)$/;

function alterOf(list: readonly Word[], refuse: Refuse): Verdict {
  const value = (at: number): string => (list[at]?.kind === 'word' ? list[at].value : '');
  if (foreignToDatabase.test(value(1))) return refuse('alters what is not in the database');
  if (/^(event|publication|subscription|extension)$/.test(value(1))) return { type: 'skip', what: null };
  if (value(1) === 'default' && value(2) === 'privileges') {
    // Of the role that loads it, which is gone afterwards.
    if (value(3) !== 'for') return { type: 'skip', what: null };
    const end = list.findIndex(({ kind, value: v }) => kind === 'word' && /^(in|grant|revoke)$/.test(v));
    const of = list.slice(5, end < 0 ? 5 : end).filter(({ kind }) => kind !== 'sign');
    return { type: 'defaults', of, roles: granteesOf(list) };
  }
  if (isOperatorClass(list, 1)) return { type: 'skip', what: null };
  const owner = ownerStatement(list);
  if (owner !== null) return { type: 'owner', ...owner };
  return value(1) === 'table' ? alterTableOf(list, refuse) : run;
}

function refused(line: number, why: string): HoldfastError {
  return new HoldfastError('IMPORT_REFUSED', `the statement near line ${line} of the dump ${why}`, {
    hint: 'Remove it from the dump, or restore another snapshot.',
  });
}
