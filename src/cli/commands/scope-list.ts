/** `holdfast scope list`: every scope with its value. */

import { printable } from '../../core/printable.ts';
import { showScopeValue } from '../../core/scopes/value-grammar.ts';
import type { CliCommand } from '../command.ts';
import type { ScopesDocument } from '../documents/scopes.ts';
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
        value: await scope.get(),
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
