/**
 * Extensions of a dump: trusted ones the importer makes itself; others only where the live database has
 * them, since there an administrator has agreed to them, and where their scripts, which then run as administrator,
 * find nothing that the dump has made.
 */

import { HoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import type { Said } from './import-encoding.ts';
import type { LoadOptions } from './import-load.ts';
import { runIfAllowed } from './import-rights.ts';
import type { ImportSession } from './import-session.ts';
import { quoteName } from './names.ts';
import type { Session } from './session.ts';

type In = <T>(work: (session: Session) => Promise<T>) => Promise<T>;

/** Whether it has the dump's comment: its own as well as one that somebody gave it. */
export async function commentOnExtension(
  session: ImportSession,
  said: Said,
  { name, comment }: { readonly name: string; readonly comment: string | null },
): Promise<boolean> {
  if (await runIfAllowed(session, said)) return true;
  const [row] = await session.rows(
    "SELECT pg_catalog.obj_description(oid, 'pg_extension') AS comment FROM pg_catalog.pg_extension WHERE extname = $1",
    [name],
  );
  return (row?.['comment'] ?? null) === comment;
}

/** @throws IMPORT_REFUSED the extension needs a superuser, and the live database does not have it or it comes late */
export function extensionMaker(
  importer: ImportSession,
  { scratch, live }: { readonly scratch: In; readonly live: In },
): LoadOptions['extension'] {
  return async ({ name, schema, bare }) => {
    const trusted = await scratch((session) =>
      session.rows(
        'SELECT 1 AS one FROM pg_available_extension_versions WHERE name = $1 AND (trusted OR NOT superuser)',
        [name],
      ),
    );
    const where = schema === null ? '' : ` SCHEMA ${quoteName(schema)}`;
    const statement = `CREATE EXTENSION IF NOT EXISTS ${quoteName(name)}${where}`;
    if (trusted.length > 0) {
      await importer.run(statement);
      return;
    }
    const there = await live((session) =>
      session.rows('SELECT 1 AS one FROM pg_extension WHERE extname = $1', [name]),
    ).catch(() => []);
    if (there.length === 0) {
      throw new HoldfastError('IMPORT_REFUSED', `extension ${quoted(name)} needs a superuser`, {
        hint: 'Create it in the live database first, then run the command again.',
      });
    }
    if (!bare) {
      throw new HoldfastError(
        'IMPORT_REFUSED',
        `extension ${quoted(name)} needs a superuser, and comes after objects of the dump`,
        { hint: 'Move CREATE EXTENSION before everything but schemas in the dump, as pg_dump does.' },
      );
    }
    await scratch((session) => session.rows(statement));
  };
}
