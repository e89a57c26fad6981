/** What the dump client or an import may not keep, looked for beforehand so that it can be told. */

import { createHash } from 'node:crypto';
import type { DatabaseRemark, DatabaseWarning } from '../../contracts/database.ts';
import type { DatabaseSelector } from '../../contracts/panel.ts';
import { printable, quoted } from '../../printable.ts';
import { accountNames } from '../account-names.ts';
import { type Session, text } from './session.ts';

/**
 * MariaDB's client writes generated columns, which MySQL takes from nobody: such a dump has to be mended by hand.
 */
export async function findUnloadable(
  session: Session,
  database: string,
  { clientVersion, isMariadb }: { readonly clientVersion: string; readonly isMariadb: boolean },
): Promise<readonly DatabaseWarning[]> {
  if (isMariadb || !/mariadb/i.test(clientVersion)) return [];
  const rows = await session.rows(
    `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA = ? AND GENERATION_EXPRESSION <> ''`,
    [database],
  );
  const [first] = rows.filter(([schema]) => text(schema) === database);
  if (first === undefined) return [];
  const message = `the dump client is MariaDB's and writes generated columns, which MySQL refuses: ${quoted(`${text(first[1])}.${text(first[2])}`)}`;
  return [{ code: 'client-foreign', database, message }];
}

/** One by one the server finds them without opening every table of every database. */
const definersQueries = {
  views: `SELECT 'view', TABLE_SCHEMA, TABLE_NAME, DEFINER FROM information_schema.VIEWS
    WHERE TABLE_SCHEMA = ? AND SECURITY_TYPE = 'DEFINER'`,
  triggers: `SELECT 'trigger', TRIGGER_SCHEMA, TRIGGER_NAME, DEFINER FROM information_schema.TRIGGERS
    WHERE EVENT_OBJECT_SCHEMA = ?`,
  routines: `SELECT LOWER(ROUTINE_TYPE), ROUTINE_SCHEMA, ROUTINE_NAME, DEFINER FROM information_schema.ROUTINES
    WHERE ROUTINE_SCHEMA = ? AND SECURITY_TYPE = 'DEFINER'`,
  events: `SELECT 'event', EVENT_SCHEMA, EVENT_NAME, DEFINER FROM information_schema.EVENTS
    WHERE EVENT_SCHEMA = ?`,
} as const;

/** Objects that act as somebody who is no user of the account, as far as it can be told whose users those are. */
export async function findDefiners(
  session: Session,
  database: string,
  { selector, hasViews }: { readonly selector: DatabaseSelector; readonly hasViews: boolean },
): Promise<readonly DatabaseRemark[]> {
  if ((selector.prefix ?? '') === '' && selector.admin === null) return [];
  const { isUser } = accountNames(selector);
  const { views, ...others } = definersQueries;
  const queries = [...(hasViews ? [views] : []), ...Object.values(others)];
  const rows = await session.rows(
    queries.join(' UNION ALL '),
    queries.map(() => database),
  );
  const foreign = rows
    .map(([kind, schema, name, definer]) => ({
      kind: text(kind),
      schema: text(schema),
      name: text(name),
      definer: text(definer),
    }))
    .filter(({ schema, definer }) => {
      // A host holds no @, a name may.
      const user = definer.slice(0, definer.lastIndexOf('@'));
      return schema === database && !isUser(user);
    })
    // The same words each time, or they would count as new.
    .sort((a, b) => (`${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1));
  if (foreign.length === 0) return [];
  const all = foreign.map(({ kind, name, definer }) => {
    return `${printable(kind)} ${quoted(name)} as ${quoted(definer)}`;
  });
  const shown = all.slice(0, 5);
  const more = all.length > shown.length ? ` and ${all.length - shown.length} more` : '';
  const message = `objects act as users that are not the account's: ${shown.join(', ')}${more}`;
  const digest = createHash('sha256').update(all.join('\n')).digest('hex');
  return [{ code: 'definer-foreign', database, message, ...(more === '' ? {} : { digest }) }];
}
