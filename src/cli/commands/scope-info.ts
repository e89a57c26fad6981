/** `holdfast scope info`: what a scope does, takes and is set to. */

import { printable } from '../../core/printable.ts';
import { builtinScopes } from '../../core/scopes/builtin.ts';
import { readScopeHistory } from '../../core/scopes/scope-file.ts';
import { showScopeValue } from '../../core/scopes/value-grammar.ts';
import type { CliCommand } from '../command.ts';
import type { ScopeDocument } from '../documents/scopes.ts';
import { openScopes } from '../scopes.ts';

export const scopeInfo: CliCommand = {
  shows: true,
  exits: ['PANEL_UNREADABLE'],

  define(command) {
    command.argument('<name>', 'scope, such as backups.enabled');
  },

  async run(context, { args }) {
    const { output } = context;
    const { registry, dir } = await openScopes(context);
    const scope = registry.find(args[0]!);
    const spec = builtinScopes.find(({ name }) => name === scope.name);
    const last = (await readScopeHistory(dir)).findLast(({ name }) => name === scope.name);
    const { name, help: info, values: settings } = scope;
    const value = await scope.get();
    const shown = typeof settings === 'string' ? settings : showScopeValue(settings);
    output.line(`info:     ${info}`);
    output.line(`value:    ${printable(showScopeValue(value), 4000)}`);
    output.line(`default:  ${printable(showScopeValue(scope.default), 4000)}`);
    output.line(`settings: ${shown}`);
    if (spec !== undefined) {
      output.line(`takes:    ${spec.allowed}`);
      output.line(`example:  holdfast scope set ${name} "${spec.example}"`);
    }
    if (last !== undefined) output.line(`set:      ${printable(last.at)} by ${printable(last.by)}`);
    output.document<ScopeDocument>({
      name,
      info,
      value,
      default: scope.default,
      settings,
      allowed: spec?.allowed ?? null,
      example: spec?.example ?? null,
      setAt: last?.at ?? null,
      setBy: last?.by ?? null,
    });
    return 0;
  },
};
