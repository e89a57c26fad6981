/**
 * As whom the objects of an imported database act: as who the dump says where that is a user of the account, or where
 * the live database has the very same object. Else nobody is to gain by it: views and routines act as whoever uses
 * them, and never as the administrator who imports.
 *
 * Triggers and events cannot do that. One whose user exists here and is no administrator would act with more rights
 * than its author had, so it is left out; all others become a user's of the account.
 */

import type { DatabaseWarning } from '../../contracts/database.ts';
import type { DatabaseSelector } from '../../contracts/panel.ts';
import { isHoldfastError } from '../../errors.ts';
import { printable, quoted } from '../../printable.ts';
import { accountNames } from '../account-names.ts';
import { invokerDefinition } from './import-invoker.ts';
import { dropDefinitions, statementOf } from './import-objects.ts';
import type { Definition } from './import-read.ts';
import { definerOf } from './import-rewrite.ts';
import type { Definer } from './import-statement.ts';
import { type Session, text } from './session.ts';

export interface Defined {
  readonly definitions: readonly Definition[];
  readonly warnings: readonly DatabaseWarning[];
}

export interface DefinersRequest {
  readonly scratch: string;
  /** Whose name it is to have. */
  readonly database: string;
  /** Of the scratch database. */
  readonly definitions: readonly Definition[];
  /** The dump's own definers, by `<kind> <name>`. */
  readonly written: Readonly<Record<string, Definer>>;
  /** Of the database that is replaced. */
  readonly live: readonly Definition[];
  readonly selector: DatabaseSelector;
}

/** Changes and drops objects of the scratch database, and nothing else. */
export async function giveDefiners(session: Session, request: DefinersRequest): Promise<Defined> {
  const { definitions, written, selector, scratch, database } = request;
  const users = await readUsers(session);
  const { isUser } = accountNames(selector);
  const mine = [...users.values()].filter(({ user, host }) => isUser(user) && host !== '');
  const known = new Set(mine.map(fullName));
  const usual = chooseUsual(mine, selector);
  const given: Definition[] = [];
  const changed: Changed = { invoker: new Set(), toUsual: new Set(), leftOut: [] };
  // Whose these are named counts for nothing.
  const asInvoker = new Set<Definition>();
  for (const one of definitions) {
    const wanted = written[`${one.kind} ${one.name}`];
    if (wanted === undefined) given.push({ ...one, definer: usual });
    else if (known.has(fullName(wanted)) || isLive({ ...one, definer: wanted }, request)) {
      given.push({ ...one, definer: wanted });
    } else if (one.kind !== 'trigger' && one.kind !== 'event') {
      changed.invoker.add(shownUser(wanted));
      const made = { ...(await invokerDefinition(session, scratch, one)), definer: usual };
      asInvoker.add(made);
      given.push(made);
    } else if (users.get(fullName(wanted))?.isAdministrator === false) {
      changed.leftOut.push({ ...one, definer: wanted });
    } else {
      changed.toUsual.add(shownUser(wanted));
      given.push({ ...one, definer: usual });
    }
  }
  // A table that has triggers yet cannot be renamed into the live database.
  await dropDefinitions(session, scratch, changed.leftOut);
  const idle = given.filter(
    (one) => !asInvoker.has(one) && one.definer !== null && !users.has(fullName(one.definer)),
  );
  const isUsualThere = users.has(fullName(usual));
  return { definitions: given, warnings: warningsOf({ ...changed, idle, usual, isUsualThere }, database) };
}

interface User extends Definer {
  /** May do more with every database than an account with its own. */
  readonly isAdministrator: boolean;
}

/** Also roles, which have no host. */
async function readUsers(session: Session): Promise<ReadonlyMap<string, User>> {
  const rights = ['Select', 'Insert', 'Update', 'Delete', 'Create', 'Drop', 'Alter', 'Execute', 'Trigger'];
  const all = rights.map((right) => `${right}_priv = 'Y'`).join(' AND ');
  const rows = await session.rows(`SELECT User, Host, ${all} FROM mysql.user`);
  return new Map(
    rows.map(([user, host, has]) => {
      const one = { user: text(user), host: text(host), isAdministrator: text(has) === '1' };
      return [fullName(one), one];
    }),
  );
}

/** Exact, whatever signs stand in it. */
const fullName = ({ user, host }: Definer): string => JSON.stringify([user, host]);

const shownUser = ({ user, host }: Definer): string =>
  host === '' ? quoted(user) : `${quoted(user)}@${quoted(host)}`;

/** Whether it would be the very object that is there now, which gives nobody a right. */
function isLive(one: Definition, { live, scratch, database }: DefinersRequest): boolean {
  const there = live.find(({ kind, name }) => kind === one.kind && name === one.name);
  if (there === undefined || there.unopened !== undefined) return false;
  const same = (['sqlMode', 'client', 'collation', 'timeZone'] as const).every(
    (key) => there[key] === one[key],
  );
  const holder = definerOf(there);
  if (!same || holder === null || one.definer === null || fullName(holder) !== fullName(one.definer)) {
    return false;
  }
  try {
    const { definer } = one;
    return statementOf(one, scratch, database) === statementOf({ ...there, definer }, database, database);
  } catch (error) {
    if (isHoldfastError(error) && error.code === 'IMPORT_REFUSED') return false;
    throw error;
  }
}

/** Where the account has no user here, one that does not exist: it can do nothing, which is better than too much. */
function chooseUsual(mine: readonly Definer[], { admin, prefix }: DatabaseSelector): Definer {
  const rank = ({ user, host }: Definer): number => (user === admin ? 0 : 2) + (host === 'localhost' ? 0 : 1);
  const best = [...mine].sort((a, b) => rank(a) - rank(b))[0];
  if (best !== undefined) return { user: best.user, host: best.host };
  return { user: admin ?? `${prefix ?? 'holdfast_'}nobody`, host: 'localhost' };
}

interface Changed {
  /** Whose views and routines act as whoever uses them now. */
  readonly invoker: Set<string>;
  /** Whose triggers and events act as the account's user now. */
  readonly toUsual: Set<string>;
  readonly leftOut: Definition[];
}

const mostTold = 20;

interface Given extends Changed {
  /** What acts as a user who does not exist, and so not at all. */
  readonly idle: readonly Definition[];
  readonly usual: Definer;
  readonly isUsualThere: boolean;
}

function warningsOf(
  { invoker, toUsual, leftOut, idle, usual, isUsualThere }: Given,
  database: string,
): DatabaseWarning[] {
  const warning = (code: string, message: string): DatabaseWarning => ({ code, database, message });
  const first = (names: ReadonlySet<string>): string => [...names].slice(0, 5).join(', ');
  const warnings = leftOut.slice(0, mostTold).map(({ kind, name, definer, sql }) => {
    const who = definer === null ? '' : shownUser(definer);
    const what = `${kind} ${quoted(name)} acted as ${who}, no user of the account, and is left out`;
    return warning('definer-left-out', `${what}; its text: ${printable(sql, 1000)}`);
  });
  if (leftOut.length > mostTold) {
    const more = `${leftOut.length - mostTold} more triggers or events are left out`;
    warnings.push(warning('definer-left-out', more));
  }
  if (invoker.size > 0) {
    const message = `views and routines of ${first(invoker)} now act with the rights of whoever uses them`;
    warnings.push(warning('definer-replaced', message));
  }
  if (toUsual.size > 0 && isUsualThere) {
    const message = `triggers and events of ${first(toUsual)} now act as ${shownUser(usual)}, a user of the account`;
    warnings.push(warning('definer-replaced', message));
  }
  const [one, ...others] = idle;
  if (one?.definer != null) {
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    const what = `${one.kind} ${quoted(one.name)}${more} cannot act: there is no user ${shownUser(one.definer)}`;
    const why = isUsualThere
      ? ''
      : ', nor any other of the account. Load its grants into the server, then import once more';
    warnings.push(warning('definer-missing', `${what}${why}`));
  }
  return warnings;
}
