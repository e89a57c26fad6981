/**
 * Scopes that live in the panel itself, read and set through `cpcmd`.
 *
 * Only where the panel is there: on a mounted copy nobody could answer.
 */

import type { Scope, ScopeValue } from '../../core/index.ts';
import { HoldfastError } from '../../core/index.ts';
import { findCpcmd, runCpcmd, unreadable } from './cpcmd.ts';
import type { ApiscpSettings } from './settings.ts';

const name = 'backups.automatic-database-exports';
const getArgs = ['scope:get', name] as const;

export async function panelScopes(settings: ApiscpSettings): Promise<readonly Scope[]> {
  const program = findCpcmd(settings);
  return program === undefined ? [] : [automaticExports(program)];
}

function automaticExports(program: string): Scope {
  const get = async (): Promise<ScopeValue> => {
    const value = await runCpcmd(program, getArgs);
    if (typeof value === 'boolean') return value;
    throw unreadable(`${name} of the panel is neither true nor false`, getArgs);
  };
  return {
    name,
    help: 'Whether the panel exports every database by itself each night; with false the exports of the backup job are the only ones, taken together with the files. Kept by the panel.',
    values: 'bool',
    default: true,
    get,
    async set(wanted) {
      const value = wanted ?? true;
      if (typeof value !== 'boolean') {
        throw new HoldfastError('CONFIG_INVALID', `${name} takes true or false, or null for true`, {
          hint: `Run holdfast scope info ${name} to see what is allowed.`,
        });
      }
      if ((await get()) === value) return;
      await runCpcmd(program, ['scope:set', name, String(value)]);
      if ((await get()) !== value) throw unreadable(`the panel did not set ${name}`, getArgs);
    },
  };
}
