/**
 * The user that is enough for exports: it reads data, definitions, users and grants, locks tables against
 * writers for the moment of the barrier, and changes nothing.
 */

import type { ReadOnlyUserRequest } from '../../contracts/database.ts';
import { quoteText } from './names.ts';
import { errorNumber, type Session, text } from './session.ts';

/** SELECT on everything includes the tables that hold users, routines and events. */
const privileges = ['SELECT', 'SHOW DATABASES', 'SHOW VIEW', 'TRIGGER', 'EVENT', 'LOCK TABLES'];

/** The statements, without the password; run where `apply` is given. */
export async function readOnlyUser(
  session: Session,
  { user, host, apply }: Omit<ReadOnlyUserRequest, 'signal'>,
): Promise<readonly string[]> {
  const [row] = await session.rows('SELECT VERSION()');
  const version = text(row?.[0]);
  // From 11.3 on MariaDB shows the bodies of routines to holders of this privilege only.
  const routines = atLeast(version, 11, 3) && version.includes('MariaDB') ? ['SHOW CREATE ROUTINE'] : [];
  const who = `${quoteText(user)}@${quoteText(host)}`;
  const statements = [
    `CREATE USER IF NOT EXISTS ${who} IDENTIFIED BY 'PASSWORD'`,
    `ALTER USER ${who} IDENTIFIED BY 'PASSWORD'`,
    `GRANT ${[...privileges, ...routines].join(', ')} ON *.* TO ${who}`,
  ];
  if (apply === null) return statements;
  for (const statement of statements) {
    const secret = quoteText(apply.password);
    try {
      await session.rows(statement.replace(/'PASSWORD'$/, () => secret));
    } catch (error) {
      if (errorNumber(error) === undefined) throw error;
      // The driver's error carries the statement, and with it the password.
      throw new Error((error as Error).message.replaceAll(apply.password, '***'));
    }
  }
  return statements;
}

function atLeast(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return a > major || (a === major && b >= minor);
}
