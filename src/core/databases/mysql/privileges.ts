/**
 * Reads what SHOW GRANTS prints, and says which privileges a complete dump would miss.
 *
 * The dump client leaves out in silence what its user may not see: triggers without TRIGGER, tables
 * without SELECT. Such a dump would be short and look whole, so it is refused beforehand.
 */

import { grantCovers } from './names.ts';
import { type Session, text } from './session.ts';

export interface Grant {
  /** Upper case, without column lists. */
  readonly privileges: readonly string[];
  /** Null: everything on the server. */
  readonly database: string | null;
  /** Null: all of the database. */
  readonly object: string | null;
}

/** What a dump needs to see a database whole. */
const neededToSeeAll = ['SELECT', 'SHOW VIEW', 'TRIGGER', 'EVENT'] as const;

/** Null for lines that grant roles or proxies. */
export function parseGrant(line: string): Grant | null {
  const match =
    /^GRANT ((?:`(?:[^`]|``)*`|[^`])*?) ON (?:(?:TABLE|FUNCTION|PROCEDURE|PACKAGE BODY|PACKAGE) )?(\*|`(?:[^`]|``)*`)\.(\*|`(?:[^`]|``)*`) TO /s.exec(
      line,
    );
  if (match === null) return null;
  const [, list = '', database = '*', object = '*'] = match;
  const privileges = list
    .replace(/\((?:`(?:[^`]|``)*`|[^`)])*\)/gs, '')
    .split(',')
    .map((privilege) => privilege.trim().toUpperCase());
  return { privileges, database: unquote(database), object: unquote(object) };
}

function unquote(part: string): string | null {
  return part === '*' ? null : part.slice(1, -1).replaceAll('``', '`');
}

/** Of the user of this session, roles in force included. */
export async function ownGrants(session: Session): Promise<readonly Grant[]> {
  const rows = await session.rows('SHOW GRANTS');
  return rows.map(([line]) => parseGrant(text(line))).filter((grant) => grant !== null);
}

/** Whether `grants` give the privilege on all of `database`, or on everything where it is null. */
export function hasPrivilege(grants: readonly Grant[], privilege: string, database: string | null): boolean {
  return grants.some(
    (grant) =>
      grant.object === null &&
      (grant.database === null ||
        (database !== null && grantCovers(grant.database, database, 'as-server'))) &&
      (grant.privileges.includes(privilege) ||
        grant.privileges.some((name) => name === 'ALL' || name === 'ALL PRIVILEGES')),
  );
}

export function missingPrivileges(grants: readonly Grant[], database: string | null): readonly string[] {
  return neededToSeeAll.filter((privilege) => !hasPrivilege(grants, privilege, database));
}
