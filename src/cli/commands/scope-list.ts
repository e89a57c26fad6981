/** `holdfast scope list`: every scope with its value. */

import { errorCodes, isHoldfastError } from '../../core/errors.ts';
import type { Scope, ScopeValue } from '../../core/index.ts';
import { printable } from '../../core/printable.ts';
import { showScopeValue } from '../../core/scopes/value-grammar.ts';
import type { CliCommand } from '../command.ts';
import type { ScopesDocument } from '../documents/scopes.ts';
import { openScopes } from '../scopes.ts';

export const scopeList: CliCommand = {
  shows: true,
  exits: ['FINISHED_WITH_WARNINGS'],

  define(command) {
    command.addHelpText(
      'after',
      '\nThe spellings of the panel work too: scope:list, scope:info, scope:get, scope:set. A scope that cannot be read\n' +
        'is a warning and null, and the status then 100.',
    );
  },

  async run(context) {
    const { registry } = await openScopes(context);
    let complete = true;
    const scopes = await Promise.all(
      registry.list().map(async (scope) => ({
        name: scope.name,
        info: scope.help,
        value: await presentValue(scope, (why) => {
          complete = false;
          context.output.note(`warning: ${scope.name}: ${why}`);
        }),
        default: scope.default,
        settings: scope.values,
      })),
    );
    context.output.table(
      [{ title: 'SCOPE' }, { title: 'VALUE', shrinks: true }, { title: 'WHAT IT DOES', shrinks: true }],
      scopes.map(({ name, value, info }) => [name, printable(showScopeValue(value)), info]),
    );
    context.output.document<ScopesDocument>({ scopes });
    return complete ? 0 : errorCodes.FINISHED_WITH_WARNINGS.exit;
  },
};

/** What a panel or an addin package does not tell is told as a warning, and hides no other scope. */
async function presentValue(scope: Scope, warn: (why: string) => void): Promise<ScopeValue> {
  try {
    return await scope.get();
  } catch (error) {
    if (!isHoldfastError(error) || !/^(?:ADDIN_|PANEL_UNREADABLE)/.test(error.code)) throw error;
    warn(error.message);
    return null;
  }
}
