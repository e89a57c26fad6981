/** Whose a database is: the roles of its account. */

import type { DatabaseSelector } from '../../contracts/panel.ts';
import { HoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import { accountNames } from '../account-names.ts';
import type { Session } from './session.ts';

export interface AccountRoles {
  /** Owns what the dump does not give to another role of the account. */
  readonly owner: string;
  /** All of the account's, the owner among them. */
  readonly all: ReadonlySet<string>;
  /** Every role of the server. */
  readonly existing: ReadonlySet<string>;
  readonly superusers: ReadonlySet<string>;
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
    superusers: new Set(rows.filter((row) => row['rolsuper'] === true).map((row) => String(row['name']))),
  };
}
