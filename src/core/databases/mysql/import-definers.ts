/**
 * As whom the objects of an imported database act: as a user of the account, never as anyone else, least
 * of all as the administrator who imports.
 */

import type { DatabaseWarning } from '../../contracts/database.ts';
import type { DatabaseSelector } from '../../contracts/panel.ts';
import { printable, quoted } from '../../printable.ts';
import { accountNames } from '../account-names.ts';
import type { Definition } from './import-read.ts';
import type { Definer } from './import-statement.ts';
import { type Session, text } from './session.ts';

export interface Defined {
  readonly definitions: readonly Definition[];
  readonly warnings: readonly DatabaseWarning[];
}

/** @param written the dump's own definers, by `<kind> <name>` */
export async function giveDefiners(
  session: Session,
  definitions: readonly Definition[],
  written: Readonly<Record<string, Definer>>,
  selector: DatabaseSelector,
  database: string,
): Promise<Defined> {
  const users = (await session.rows('SELECT User, Host FROM mysql.user')).map(([user, host]) => ({
    user: text(user),
    host: text(host),
  }));
  const { isUser } = accountNames(selector);
  const mine = users.filter(({ user }) => isUser(user));
  const known = new Set(mine.map(fullName));
  const usual = chooseUsual(mine, selector);
  const replaced = new Set<string>();
  const given = definitions.map((one) => {
    const wanted = written[`${one.kind} ${one.name}`];
    const keeps = wanted !== undefined && known.has(fullName(wanted));
    if (wanted !== undefined && !keeps) replaced.add(`${wanted.user}@${wanted.host}`);
    return { ...one, definer: keeps ? wanted : usual };
  });
  return { definitions: given, warnings: warningsOf(given, known, replaced, usual, database) };
}

/** Exact, whatever signs stand in it. */
const fullName = ({ user, host }: Definer): string => JSON.stringify([user, host]);

/** One that does not exist can do nothing, which is better than one that can do too much. */
function chooseUsual(mine: readonly Definer[], { admin, prefix }: DatabaseSelector): Definer {
  const rank = ({ user, host }: Definer): number => (user === admin ? 0 : 2) + (host === 'localhost' ? 0 : 1);
  const best = [...mine].sort((a, b) => rank(a) - rank(b))[0];
  return best ?? { user: admin ?? `${prefix ?? 'holdfast_'}nobody`, host: 'localhost' };
}

function warningsOf(
  given: readonly Definition[],
  known: ReadonlySet<string>,
  replaced: ReadonlySet<string>,
  usual: Definer,
  database: string,
): DatabaseWarning[] {
  const shown = `${quoted(usual.user)}@${quoted(usual.host)}`;
  const absent = given.find(({ definer }) => definer !== null && !known.has(fullName(definer)));
  const names = [...replaced].slice(0, 5).map((name) => printable(name));
  return [
    ...(replaced.size === 0
      ? []
      : [
          {
            code: 'definer-replaced',
            database,
            message: `objects of ${names.join(', ')} now act as ${shown}, a user of the account`,
          },
        ]),
    ...(absent === undefined
      ? []
      : [
          {
            code: 'definer-missing',
            database,
            message: `${absent.kind} ${quoted(absent.name)} cannot act: there is no user ${quoted(absent.definer?.user ?? '')}@${quoted(absent.definer?.host ?? '')}`,
          },
        ]),
  ];
}
