/** `holdfast diff`: what changed from one snapshot to another. */

import { diff as differences } from '../../core/jobs/diff/diff.ts';
import type { Difference, DiffOutcome } from '../../core/jobs/diff/types.ts';
import type { CliCommand } from '../command.ts';
import { loadReadable } from '../configuration.ts';
import type { DifferenceDocument } from '../documents/difference.ts';
import { encodedPaths, shown, typeNameOf } from '../entry-view.ts';
import { resolveSnapshot } from '../find-snapshot.ts';
import { countText } from '../format.ts';
import { defineKeyOptions, type KeyOptions } from '../key-input.ts';
import type { Output } from '../output.ts';
import { serverHelp } from '../server-option.ts';
import { copyHelp, withStore } from '../store-session.ts';

const signs = { added: '+', removed: '-', changed: 'M', renamed: 'R' } as const;

interface Options extends KeyOptions {
  readonly addin?: string;
  readonly copy?: string;
  readonly server?: string;
  readonly account?: string;
}

export const diff: CliCommand<Options> = {
  shows: true,
  jsonLines: true,
  exits: [
    'ACCOUNT_NOT_FOUND',
    'SNAPSHOT_NOT_FOUND',
    'SNAPSHOT_UNTRUSTED',
    'OBJECT_DAMAGED',
    'OBJECT_MISSING',
    'STORE_UNAVAILABLE',
    'STORE_FOREIGN',
    'IDENTITY_MISSING',
    'IDENTITY_WRONG',
  ],

  define(command) {
    command
      .argument('<a>', 'the earlier snapshot: id, a unique beginning of it, or latest')
      .argument('<b>', 'the later one')
      .option('--account <account>', 'site, domain or UUID; needed with latest')
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', copyHelp)
      .option('--server <uuid>', serverHelp)
      .addHelpText(
        'after',
        '\n+ added, - removed, M changed (what of it), R renamed: by inode and content, or by content alone where\n' +
          'it is unambiguous. Databases differ where their exports do. Differences are no error: the status is 0.',
      );
    defineKeyOptions(command);
  },

  async run(context, { args, options }) {
    const { output, signal } = context;
    const account = options.account;
    const loaded = await loadReadable(context);
    return withStore(
      context,
      { loaded, ...options, ofServer: options.server },
      async ({ search, opened: { provider } }) => {
        const before = await resolveSnapshot(search, args[0]!, account);
        const after = await resolveSnapshot(search, args[1]!, account);
        const going = differences({ provider, before, after, signal });
        let step = await going.next();
        for (; step.done !== true; step = await going.next()) show(output, step.value);
        summarise(output, step.value);
        return 0;
      },
    );
  },
};

function show(output: Output, difference: Difference): void {
  const { change, path, from, type, aspects, sizeBefore, sizeAfter } = difference;
  if (output.json) {
    output.record<DifferenceDocument>({
      change,
      ...encodedPaths(path, from),
      type: type === 'database' ? type : typeNameOf(type),
      aspects: [...aspects],
      sizeBefore,
      sizeAfter,
    });
    return;
  }
  const names = from === null ? shown(path) : `${shown(from)} -> ${shown(path)}`;
  output.line(`${signs[change]} ${names}${aspects.length === 0 ? '' : ` (${aspects.join(', ')})`}`);
}

function summarise(output: Output, { counts, renamesGivenUp, failed }: DiffOutcome): void {
  for (const { component, snapshot } of failed) {
    output.note(`note: ${snapshot} could not capture ${component}; what it lacks there is left out`);
  }
  if (renamesGivenUp) output.note('note: too many differences to look for renames; they show as - and +');
  const { added, removed, changed, renamed } = counts;
  const parts = Object.entries({ added, removed, changed, renamed });
  output.info(parts.map(([what, count]) => `${countText(count)} ${what}`).join(', '));
}
