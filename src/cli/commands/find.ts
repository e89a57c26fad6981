/** `holdfast find`: names or paths in any number of snapshots. */

import type { Entry } from '../../core/archive/entry.ts';
import { errorCodes } from '../../core/errors.ts';
import { globToRegExp } from '../../core/glob.ts';
import { opened, type Snapshot } from '../../core/jobs/catalog.ts';
import { openIndex } from '../../core/jobs/index-reader.ts';
import type { CliCommand } from '../command.ts';
import type { MatchDocument } from '../documents/entry.ts';
import { contentOf, encodedPath, modifiedAt, percentHelp, shown, typeName } from '../entry-view.ts';
import { listCandidates, ownerOf, readEach, resolveSnapshot, type Search } from '../find-snapshot.ts';
import { defineKeyOptions } from '../key-input.ts';
import type { Output } from '../output.ts';
import { copyHelp, withStore } from '../store-session.ts';

export const find: CliCommand = {
  exits: [
    'ACCOUNT_NOT_FOUND',
    'SNAPSHOT_NOT_FOUND',
    'OBJECT_DAMAGED',
    'OBJECT_MISSING',
    'STORE_UNAVAILABLE',
    'STORE_FOREIGN',
    'IDENTITY_MISSING',
    'IDENTITY_WRONG',
  ],

  define(command) {
    command
      .argument(
        '<pattern>',
        'with a slash: the whole path; else the name; * and ? stand for any text and any character',
      )
      .option('--account <account>', 'site, domain or UUID (default: all)')
      .option('--snapshot <snapshot>', 'in this one only; latest needs --account')
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', copyHelp)
      .addHelpText('after', percentHelp);
    defineKeyOptions(command);
  },

  async run(context, { args, options }) {
    const { output } = context;
    const account = options['account'] as string | undefined;
    const wanted = options['snapshot'] as string | undefined;
    const matches = matcher(args[0]!);
    return withStore(context, options, async ({ search }) => {
      if (wanted !== undefined) {
        await findIn(search, await resolveSnapshot(search, wanted, account), matches, output);
        return 0;
      }
      const owner = account === undefined ? null : await ownerOf(search, account);
      let damaged = false;
      for (const listed of await listCandidates(search, owner)) {
        const [result] = await readEach(search, [listed]);
        if (result?.snapshot != null) {
          const { provider, signal } = search;
          await findIn(search, await opened(provider, result.snapshot, signal), matches, output);
        }
        if (result?.error == null) continue;
        output.note(`holdfast: ${result.error.message}`);
        damaged = true;
      }
      return damaged ? errorCodes.OBJECT_DAMAGED.exit : 0;
    });
  },
};

function matcher(pattern: string): (path: string) => boolean {
  const expression = globToRegExp(pattern.replace(/^\/+/, ''));
  if (pattern.includes('/')) return (path) => expression.test(path);
  return (path) => expression.test(path.slice(path.lastIndexOf('/') + 1));
}

async function findIn(
  { provider, signal }: Search,
  snapshot: Snapshot,
  matches: (path: string) => boolean,
  output: Output,
): Promise<void> {
  const reader = await openIndex(provider, snapshot, signal);
  const show = async (entry: Entry): Promise<void> => {
    output.line(`${snapshot.name}  ${shown(entry.path)}`);
    if (!output.json) return;
    const size = (await contentOf(reader, entry))?.size ?? 0;
    const place = { snapshot: snapshot.name, ...encodedPath(entry.path) };
    output.record<MatchDocument>({ ...place, type: typeName(entry), size, modifiedAt: modifiedAt(entry) });
  };
  for await (const entry of reader.entries()) {
    if (matches(entry.path.toString('utf8'))) await show(entry);
  }
}
