/** Puts the hooks before and after a restore around the command that restores; a dry run has none. */

import { isHoldfastError } from '../../core/errors.ts';
import { Hooks } from '../../core/hooks/hooks.ts';
import type { CliCommand } from '../command.ts';
import { loadConfigured } from '../configuration.ts';

export const withRestoreHooks = (command: CliCommand): CliCommand => ({
  exits: [...command.exits, 'HOOK_FAILED'],

  define: (parser) => command.define(parser),

  async run(context, invocation) {
    const { args, options } = invocation;
    const { world, signal, output, configDir } = context;
    const { configuration } = await loadConfigured(configDir);
    if (options['dryRun'] === true || configuration.hooks.length === 0)
      return command.run(context, invocation);
    const { now, env } = world;
    const hooks = new Hooks(configuration.hooks, {
      now,
      env,
      signal,
      onReport: ({ on, failure, command: [program] }) => {
        if (failure !== null) output.note(`note: the ${on} hook ${program} ${failure}`);
      },
    });
    const facts = {
      addin: (options['addin'] as string | undefined) ?? onlyName(configuration.addins),
      snapshot: args[0] ?? null,
      account: options['account'] ?? null,
      to: options['to'] ?? null,
      inPlace: options['inPlace'] === true,
    };
    try {
      await hooks.at('before-restore', facts);
      const exitStatus = await command.run(context, invocation);
      await hooks.at('after-restore', { ...facts, exitStatus });
      if (exitStatus > 0 && exitStatus < 100) await hooks.at('failure', { ...facts, exitStatus });
      return exitStatus === 0 && hooks.warnings > 0 ? 100 : exitStatus;
    } catch (error) {
      const { code, message } = isHoldfastError(error) ? error : { code: 'INTERNAL', message: 'unforeseen' };
      await hooks.at('failure', { ...facts, error: { code, message } }).catch(() => {});
      throw error;
    }
  },
});

const onlyName = (addins: readonly { readonly name: string }[]): string | null =>
  addins.length === 1 ? addins[0]!.name : null;
