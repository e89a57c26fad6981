/** Puts the hooks before and after a restore around the command that restores; a dry run has none. */

import { requireSound } from '../../core/config/without-faults.ts';
import { errorCodes } from '../../core/errors.ts';
import { Hooks } from '../../core/hooks/hooks.ts';
import { knownError } from '../../core/system-error.ts';
import type { CliCommand } from '../command.ts';
import { loadUnheard } from '../configuration.ts';

export const withRestoreHooks = (command: CliCommand): CliCommand => ({
  exits: [...command.exits, 'HOOK_FAILED'],

  define: (parser) => command.define(parser),

  async run(context, invocation) {
    const { args, options } = invocation;
    const { world, signal, output, configDir } = context;
    const { configuration } = await loadUnheard(configDir);
    if (options['dryRun'] === true) return command.run(context, invocation);
    // What is to be stopped meanwhile may be what runs on the account's files; elsewhere nothing does.
    if (options['inPlace'] === true) requireSound(configuration, 'hooks');
    if (configuration.hooks.length === 0) return command.run(context, invocation);
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
    let begun = false;
    try {
      await hooks.at('before-restore', facts);
      begun = true;
      const exitStatus = await command.run(context, invocation);
      begun = false;
      await hooks.at('after-restore', { ...facts, exitStatus });
      if (exitStatus > 0 && exitStatus < 100) await hooks.at('failure', { ...facts, exitStatus });
      return exitStatus === 0 && hooks.warnings > 0 ? 100 : exitStatus;
    } catch (thrown) {
      const { code, message } = knownError(thrown) ?? { code: 'INTERNAL', message: 'unforeseen' };
      const { exit } = errorCodes[signal.aborted ? 'INTERRUPTED' : code];
      const failed = { ...facts, exitStatus: exit, error: { code, message } };
      // What was stopped before the restore is to run again, however it ended.
      if (begun) await hooks.at('after-restore', failed).catch(() => {});
      await hooks.at('failure', failed).catch(() => {});
      throw thrown;
    }
  },
});

const onlyName = (addins: readonly { readonly name: string }[]): string | null =>
  addins.length === 1 ? addins[0]!.name : null;
