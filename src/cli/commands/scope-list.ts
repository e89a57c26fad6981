/** `holdfast scope list`: every scope with its value. */

import { isHoldfastError } from '../../core/errors.ts';
import type { Scope, ScopeValue } from '../../core/index.ts';
import { printable } from '../../core/printable.ts';
import { showScopeValue } from '../../core/scopes/value-grammar.ts';
import type { CliCommand } from '../command.ts';
import type { ScopesDocument } from '../documents/scopes.ts';
import type { Output } from '../output.ts';
import { openScopes } from '../scopes.ts';

export const scopeList: CliCommand = {
  exits: ['PANEL_UNREADABLE'],

  define(command) {
    command.addHelpText(
      'after',
      '\nThe spellings of the panel work too: scope:list, scope:info, scope:get, scope:set.',
    );
  },

  async run(context) {
    const { registry } = await openScopes(context);
    const scopes = await Promise.all(
      registry.list().map(async (scope) => ({
        name: scope.name,
        info: scope.help,
        value: await presentValue(scope, context.output),
        default: scope.default,
        settings: scope.values,
      })),
    );
    context.output.table(
      [{ title: 'SCOPE' }, { title: 'VALUE', shrinks: true }, { title: 'WHAT IT DOES', shrinks: true }],
      scopes.map(({ name, value, info }) => [name, printable(showScopeValue(value)), info]),
    );
    context.output.document<ScopesDocument>({ scopes });
    return 0;
  },
};

/** What an addin package does not tell is told as a note, and hides no other scope. */
async function presentValue(scope: Scope, output: Output): Promise<ScopeValue> {
  try {
    return await scope.get();
  } catch (error) {
    if (!isHoldfastError(error) || !error.code.startsWith('ADDIN_')) throw error;
    output.note(`note: ${error.message}`);
    return null;
  }
}
