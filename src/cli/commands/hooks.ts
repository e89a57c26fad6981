/** `holdfast hooks`: shows the hooks, and tries those of an event. */

import { Option } from 'commander';
import { type HookEvent, hookEvents } from '../../core/config/operations-schema.ts';
import { errorCodes } from '../../core/errors.ts';
import { type HookReport, Hooks } from '../../core/hooks/hooks.ts';
import { printable } from '../../core/printable.ts';
import type { CliCommand } from '../command.ts';
import { loadConfigured } from '../configuration.ts';
import type { HooksDocument } from '../documents/schedule.ts';

interface Options {
  readonly test?: HookEvent;
}

export const hooks: CliCommand<Options> = {
  exits: ['HOOK_FAILED'],

  define(command) {
    command
      .addOption(
        new Option('--test <event>', 'run the hooks of this event, as a trial').choices([...hookEvents]),
      )
      .addHelpText(
        'after',
        '\nA trial tells each program {"trial": true} on standard input. The status is that of HOOK_FAILED where one failed.',
      );
  },

  async run({ configDir, output, world, signal }, { options }) {
    const { configuration } = await loadConfigured(configDir);
    const event = options.test;
    const wanted = configuration.hooks.filter(({ on }) => event === undefined || on === event);
    const described: HooksDocument['hooks'] = [];
    for (const { addins = [], ...hook } of wanted) {
      let report: HookReport | null = null;
      if (event !== undefined) {
        const onReport = (one: HookReport): void => {
          report = one;
        };
        // Each alone and never in the way of the next one.
        const one = new Hooks([{ ...hook, onFailure: 'ignore' }], { ...world, signal, onReport });
        await one.at(event, { addin: addins[0] ?? null, trial: true });
      }
      const { failure, output: said } = (report as HookReport | null) ?? { failure: null, output: null };
      described.push({ ...hook, command: [...hook.command], addins: [...addins], failure, output: said });
      const words = hook.command.map((word) => printable(word, 4096)).join(' ');
      const verdict = event === undefined ? hook.onFailure : (failure ?? 'ok');
      output.line(`${hook.on.padEnd(14)}  ${words}  ${verdict}`);
      if (said !== null && said.trim() !== '') output.line(`  ${printable(said.trim(), 2000)}`);
    }
    if (described.length === 0) output.info(event === undefined ? 'no hooks' : `no hooks on ${event}`);
    output.document<HooksDocument>({ hooks: described });
    return described.some(({ failure }) => failure !== null) ? errorCodes.HOOK_FAILED.exit : 0;
  },
};
