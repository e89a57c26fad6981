/** `holdfast scope get`: the value in force. */

import { printable } from '../../core/printable.ts';
import { showScopeValue } from '../../core/scopes/value-grammar.ts';
import type { CliCommand } from '../command.ts';
import type { ScopeValueDocument } from '../documents/scopes.ts';
import { openScopes } from '../scopes.ts';

export const scopeGet: CliCommand = {
  shows: true,
  exits: ['PANEL_UNREADABLE'],

  define(command) {
    command.argument('<name>', 'scope, such as backups.enabled');
  },

  async run(context, { args }) {
    const { registry } = await openScopes(context);
    const scope = registry.find(args[0]!);
    const { name } = scope;
    const value = await scope.get();
    context.output.line(printable(showScopeValue(value), 64 * 1024));
    context.output.document<ScopeValueDocument>({ name, value });
    return 0;
  },
};
