/** What an import tells of: what it left out, and what is another's now. Pure. */

import type { DatabaseWarning } from '../../contracts/database.ts';
import { printable, quoted } from '../../printable.ts';
import type { LoadedScript } from './import-load.ts';
import type { AccountRoles } from './import-roles.ts';

export function warningsOf(
  loaded: LoadedScript,
  {
    roles,
    weakened,
    database,
  }: { readonly roles: AccountRoles; readonly weakened: readonly string[]; readonly database: string },
): DatabaseWarning[] {
  const list = (names: Iterable<string>): string => [...names].map((name) => quoted(name)).join(', ');
  const foreign = loaded.foreignOwners;
  return [
    ...(loaded.skipped.size === 0
      ? []
      : [
          {
            code: 'import-left-out',
            database,
            message: `only a superuser can have these, and they were left out: ${[...loaded.skipped].join(', ')}`,
          },
        ]),
    ...(loaded.leftOut.size === 0
      ? []
      : [
          {
            code: 'import-left-out',
            database,
            message: `only an administrator can bring these back, and they were left out: ${shortened([...loaded.leftOut])}`,
          },
        ]),
    ...(loaded.missingRoles.size === 0
      ? []
      : [
          {
            code: 'role-missing',
            database,
            message: `rights of roles that this server does not have were left out: ${list(loaded.missingRoles)}`,
          },
        ]),
    ...(loaded.policiesLeftOut.size === 0
      ? []
      : [
          {
            code: 'role-missing',
            database,
            message: `policies for roles that this server does not have were left out, so that fewer rows may be seen: ${list(loaded.policiesLeftOut)}`,
          },
        ]),
    ...(loaded.unfilled.size === 0
      ? []
      : [
          {
            code: 'view-unfilled',
            database,
            message: `materialized views could not be filled, and wait for REFRESH MATERIALIZED VIEW: ${shortened([...loaded.unfilled])}`,
          },
        ]),
    ...(foreign.size === 0
      ? []
      : [
          {
            code: 'owner-replaced',
            database,
            message: `objects of ${list(foreign)} now belong to ${quoted(roles.owner)}`,
          },
        ]),
    ...(weakened.length === 0
      ? []
      : [
          {
            code: 'definer-replaced',
            database,
            message: `these belonged to no role of the account, and act with the rights of who uses them now: ${shortened(weakened.map((name) => printable(name, 200)))}`,
          },
        ]),
  ];
}

/** How many of what was left out a warning names. */
const shown = 20;

function shortened(texts: readonly string[]): string {
  const more = texts.length > shown ? `; and ${texts.length - shown} more` : '';
  return `${texts.slice(0, shown).join('; ')}${more}`;
}
