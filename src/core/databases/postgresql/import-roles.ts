/**
 * Whose a database is, and the role that loads it: no superuser, member of nothing while anything of the dump may run,
 * gone when the import ends.
 */

import type { DatabaseSelector } from '../../contracts/panel.ts';
import { HoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import { accountNames } from '../account-names.ts';
import { quoteName, quoteText } from './names.ts';
import type { Session } from './session.ts';

export interface AccountRoles {
  /** Owns what the dump does not give to another role of the account. */
  readonly owner: string;
  /** All of the account's, the owner among them. */
  readonly all: ReadonlySet<string>;
  /** Every role of the server. */
  readonly existing: ReadonlySet<string>;
}

/**
 * Where the live database belongs to a role that is none of the account's, to that role alone: what it has written must
 * not become the account's, whose rights its functions would have.
 *
 * @throws IMPORT_REFUSED the account has no role on this server
 */
export async function accountRoles(
  session: Session,
  selector: DatabaseSelector,
  origin: string,
): Promise<AccountRoles> {
  const rows = await session.rows(
    `SELECT r.rolname AS name, r.rolsuper, EXISTS (SELECT FROM pg_database d WHERE d.datdba = r.oid AND d.datname = $1) AS owns
     FROM pg_roles r ORDER BY r.rolname`,
    [origin],
  );
  const { isUser } = accountNames(selector);
  const plain = rows.filter((row) => row['rolsuper'] !== true && !String(row['name']).startsWith('pg_'));
  const foreign = plain.filter((row) => row['owns'] === true && !isUser(String(row['name'])));
  const mine = foreign.length > 0 ? foreign : plain.filter((row) => isUser(String(row['name'])));
  const rank = (row: (typeof rows)[number]): number =>
    row['owns'] === true ? 0 : row['name'] === selector.admin ? 1 : 2;
  const [owner] = [...mine].sort((a, b) => rank(a) - rank(b));
  if (owner === undefined) {
    throw new HoldfastError(
      'IMPORT_REFUSED',
      `no role of this server belongs to the account of ${quoted(origin)}`,
      {
        hint: 'Replay the roles first: they are in the file with .grants.sql that a restore writes beside the dump.',
      },
    );
  }
  return {
    owner: String(owner['name']),
    all: new Set(mine.map((row) => String(row['name']))),
    existing: new Set(rows.map((row) => String(row['name']))),
  };
}

export async function createImporter(session: Session, user: string, password: string): Promise<void> {
  await session.rows(
    `CREATE ROLE ${quoteName(user)} LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD ${quoteText(password)}`,
  );
}

/** Once nothing of the dump runs any more: so that it may give them what is theirs. */
export async function joinRoles(session: Session, user: string, { all }: AccountRoles): Promise<void> {
  for (const role of all) await session.rows(`GRANT ${quoteName(role)} TO ${quoteName(user)}`);
}

/** In the maintenance database, after what it owned was handed on. One that is gone is a success. */
export async function dropImporter(session: Session, user: string): Promise<void> {
  const [row] = await session.rows('SELECT 1 FROM pg_roles WHERE rolname = $1', [user]);
  if (row === undefined) return;
  await session.rows('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [user]);
  await session.rows(`DROP OWNED BY ${quoteName(user)}`);
  await session.rows(`DROP ROLE IF EXISTS ${quoteName(user)}`);
}
