/** Makes a view, routine or package of a scratch database one that acts with the rights of whoever uses it. */

import type { Definition } from './import-read.ts';
import { readRoutine } from './import-read.ts';
import { withInvoker } from './import-rewrite.ts';
import { quoteName } from './names.ts';
import type { Session } from './session.ts';

/**
 * Procedures and functions are altered, since only the server knows where in their text the words belong; that of
 * views and packages is known.
 */
export async function invokerDefinition(
  session: Session,
  scratch: string,
  one: Definition,
): Promise<Definition> {
  const { kind, name } = one;
  if (kind !== 'procedure' && kind !== 'function') return { ...one, sql: withInvoker(one) };
  await session.rows(`USE ${quoteName(scratch)}`);
  await session.rows(`ALTER ${kind.toUpperCase()} ${quoteName(name)} SQL SECURITY INVOKER`);
  const { sql } = await readRoutine(session, kind, name);
  return { ...one, sql };
}
