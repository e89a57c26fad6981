/**
 * The account's users and what they may do, as SQL that can be replayed.
 *
 * Users are the account's by literal prefix or as its administrator. Kept are how they log in and the
 * grants that reach the databases of the export. Privileges on the whole server are named in a comment
 * only: replaying one account must never give its users power over the others.
 */

import type { BesideText } from '../../contracts/database.ts';
import type { DatabaseSelector } from '../../contracts/panel.ts';
import { printable } from '../../printable.ts';
import { accountNames } from '../account-names.ts';
import { grantCovers, quoteText } from './names.ts';
import { type Grant, parseGrant } from './privileges.ts';
import { errorNumber, type Row, type Session, text } from './session.ts';

const unknownColumn = 1054;

interface AccountUser {
  /** For comments: `user@host`, escaped. */
  readonly label: string;
  readonly create: string;
  readonly grants: readonly string[];
}

/** Every user of the account, read once for all its databases. */
export async function readUsers(
  session: Session,
  { selector, isMariadb }: { readonly selector: DatabaseSelector; readonly isMariadb: boolean },
): Promise<readonly AccountUser[]> {
  // MySQL prints binary password hashes readably only then; MariaDB always does.
  if (!isMariadb) await session.rows('SET SESSION print_identified_with_as_hex = 1').catch(ignoreServerError);
  const { isUser } = accountNames(selector);
  const users = (await userRows(session, selector))
    .map(([user, host, role]) => ({ user: text(user), host: text(host), isRole: text(role) === 'Y' }))
    .filter(({ user }) => isUser(user))
    .sort((a, b) => (`${a.user}\0${a.host}` < `${b.user}\0${b.host}` ? -1 : 1));

  const described: AccountUser[] = [];
  for (const { user, host, isRole } of users) {
    const who = isRole ? quoteText(user) : `${quoteText(user)}@${quoteText(host)}`;
    const created = isRole
      ? `CREATE ROLE IF NOT EXISTS ${who}`
      : text((await session.rows(`SHOW CREATE USER ${who}`))[0]?.[0]).replace(
          /^CREATE USER /,
          'CREATE USER IF NOT EXISTS ',
        );
    const grants = (await session.rows(`SHOW GRANTS FOR ${who}`)).map(([line]) => text(line));
    const { create, roles: byDefault } = withoutDefaultRoles(created);
    if (byDefault !== null) grants.push(`SET DEFAULT ROLE ${byDefault} TO ${who}`);
    described.push({ label: printable(isRole ? user : `${user}@${host}`), create, grants });
  }
  return described;
}

/** MySQL names roles where it makes a user, who may well be made before them. */
export function withoutDefaultRoles(create: string): {
  readonly create: string;
  readonly roles: string | null;
} {
  const name = '`(?:[^`]|``)*`@`(?:[^`]|``)*`';
  const found = new RegExp(` DEFAULT ROLE (${name}(?:,${name})*)(?= REQUIRE )`).exec(create);
  if (found === null) return { create, roles: null };
  return { create: create.replace(found[0], () => ''), roles: found[1]! };
}

/** Of these users and perhaps more; third is whether it is a role. */
async function userRows(session: Session, { prefix, admin }: DatabaseSelector): Promise<readonly Row[]> {
  const ask = (isRole: string): Promise<readonly Row[]> =>
    session.rows(
      `SELECT User, Host, ${isRole} FROM mysql.user WHERE User = ? OR (? <> '' AND LOCATE(?, User) = 1)`,
      [admin ?? '', prefix ?? '', prefix ?? ''],
    );
  return await ask('is_role').catch((error: unknown) => {
    if (errorNumber(error) !== unknownColumn) throw error;
    return ask("'N'"); // MySQL has no such column
  });
}

/** The text kept beside an export of `databases`; null where the account has no users. */
export function grantsText(users: readonly AccountUser[], databases: readonly string[]): BesideText | null {
  if (users.length === 0) return null;
  const creates = users.map(({ create }) => `${create};\n`);
  const grants = users.flatMap(({ label, grants }) =>
    grants.map((line) => replayLine(line, label, databases)),
  );
  return { suffix: 'grants.sql', text: [...creates, ...grants].join('') };
}

function replayLine(line: string, label: string, databases: readonly string[]): string {
  const grant = parseGrant(line);
  if (grant === null) return /^(GRANT `|GRANT '|SET DEFAULT ROLE )/.test(line) ? `${line};\n` : '';
  if (grant.database === null) return serverWide(grant, label);
  return reaches(grant, databases) ? `${line};\n` : '';
}

function reaches({ database, object }: Grant, databases: readonly string[]): boolean {
  if (database === null) return false;
  // Only grants on whole databases are patterns.
  return databases.some((name) =>
    object === null ? grantCovers(database, name, 'as-server') : database === name,
  );
}

function serverWide({ privileges }: Grant, label: string): string {
  if (privileges.every((privilege) => privilege === 'USAGE')) return '';
  return `-- not replayed: ${printable(privileges.join(', '))} on the whole server, held by ${label}\n`;
}

function ignoreServerError(error: unknown): void {
  if (errorNumber(error) === undefined) throw error;
}
