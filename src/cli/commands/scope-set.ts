/** `holdfast scope set`: sets a scope, at once and for every command. */

import { userInfo } from 'node:os';
import { Option } from 'commander';
import { idleExclusions } from '../../core/config/policy.ts';
import { HoldfastError, isHoldfastError } from '../../core/errors.ts';
import type { ScopeValue } from '../../core/index.ts';
import { type AccountSelection, selectAccounts } from '../../core/jobs/resolve-accounts.ts';
import { printable, quoted } from '../../core/printable.ts';
import { parseScopeValue, showScopeValue } from '../../core/scopes/value-grammar.ts';
import type { CliCommand, CliContext } from '../command.ts';
import { loadConfigured } from '../configuration.ts';
import type { ScopeSetDocument } from '../documents/scopes.ts';
import { openPanel, openStateIfAny } from '../opened.ts';
import type { Output } from '../output.ts';
import { idleText } from '../runs/select-accounts.ts';
import { openScopes } from '../scopes.ts';

interface Options {
  readonly input?: string;
  readonly by?: string;
}

export const scopeSet: CliCommand<Options> = {
  exits: ['PANEL_UNREADABLE', 'CONFIG_LOCKED', 'PREREQUISITE_MISSING'],

  define(command) {
    command
      .argument('<name>', 'scope, such as backups.enabled')
      .argument('<value>', 'true, null, 3, text, [a, b], [key: value], nested as you like')
      .addOption(
        new Option('-i, --input <format>', 'how the value is written')
          .choices(['cli', 'json'])
          .default('cli'),
      )
      .option('--by <who>', 'who sets it, for the history (default: the user)')
      .addHelpText(
        'after',
        '\nnull brings back what the configuration says. Setting the present value does nothing. A running daemon\n' +
          'follows within a minute; runs under way end as they began. scopes.history.jsonl keeps who set what when.',
      );
  },

  async run(context, { args, options }) {
    const { output, world } = context;
    const [name, text] = args as [string, string];
    const value = options.input === 'json' ? fromJson(text) : parseScopeValue(text);
    const { registry } = await openScopes(context);
    const { env } = world;
    const by = options.by ?? env['SUDO_USER'] ?? env['USER'] ?? userName();
    const { from, to, changed } = await registry.set(name, value, by);
    const shown = printable(showScopeValue(to));
    output.info(changed ? `${name} is ${shown} now` : `${name} was ${shown} already`);
    if (name === 'backups.exclude' || (name === 'backups.accounts' && to !== null))
      await noteUnfit(context, name);
    output.document<ScopeSetDocument>({ name, from, value: to, changed });
    return 0;
  },
};

/** It is set; where the panel cannot be asked, doctor and the runs tell what is for nothing. */
async function noteUnfit(context: CliContext, name: string): Promise<void> {
  const { output, world, signal, configDir } = context;
  try {
    const loaded = await loadConfigured(configDir);
    const { panel } = await openPanel(loaded, world);
    const accounts = await panel.accounts({ signal, brief: true });
    const { steering, addins } = loaded.configuration;
    if (name === 'backups.accounts') {
      const sites = (await openStateIfAny(loaded.configuration, world))?.sites();
      return noteUnmatched(output, addins[0] && selectAccounts(accounts, addins[0].accounts, sites));
    }
    for (const one of idleExclusions(accounts, { policy: [], steering }))
      output.note(`note: ${idleText(one)}`);
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
  }
}

function noteUnmatched(output: Output, selection: AccountSelection | undefined): void {
  if (selection === undefined) return;
  for (const pattern of selection.unmatched) output.note(`note: no account fits ${quoted(pattern)}`);
  if (selection.accounts.length === 0)
    output.note('warning: no account is selected any more, so no backup can be made');
}

/** For cron and services, whose environment names nobody. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}

/** @throws USAGE */
function fromJson(text: string): ScopeValue {
  try {
    return JSON.parse(text) as ScopeValue;
  } catch (cause) {
    throw new HoldfastError('USAGE', 'the value is no JSON', {
      cause,
      hint: 'Correct it, or leave out --input json.',
    });
  }
}
