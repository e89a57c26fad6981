/** `holdfast ls`: a directory of a snapshot, like `ls -l`. */

import { type Entry, fileType, typeOf } from '../../core/archive/entry.ts';
import { HoldfastError, isHoldfastError } from '../../core/errors.ts';
import { exclusionOver } from '../../core/jobs/excluded.ts';
import { lostNamesHint } from '../../core/jobs/has-lost.ts';
import { openIndex } from '../../core/jobs/index-reader.ts';
import { distrustOf } from '../../core/jobs/trust.ts';
import { quoted } from '../../core/printable.ts';
import type { CliCommand } from '../command.ts';
import { loadReadable } from '../configuration.ts';
import type { EntryDocument } from '../documents/entry.ts';
import { noteDoubts } from '../doubtful-snapshot.ts';
import { contentOf, describeEntry, entryLine, percentHelp } from '../entry-view.ts';
import { noteExcluded } from '../excluded-paths.ts';
import { describeExports, isOfExports, showExports } from '../export-view.ts';
import { requireAccount, resolveSnapshot } from '../find-snapshot.ts';
import { defineKeyOptions, type KeyOptions } from '../key-input.ts';
import { failedComponents } from '../partial-snapshot.ts';
import { serverHelp } from '../server-option.ts';
import { percentPath, snapshotPath } from '../snapshot-path.ts';
import { copyHelp, withStore } from '../store-session.ts';

interface Options extends KeyOptions {
  readonly addin?: string;
  readonly copy?: string;
  readonly server?: string;
  readonly account?: string;
  readonly recursive?: true;
  readonly pathPercent?: string;
}

export const ls: CliCommand<Options> = {
  shows: true,
  jsonLines: true,
  exits: [
    'ACCOUNT_NOT_FOUND',
    'SNAPSHOT_NOT_FOUND',
    'SNAPSHOT_UNTRUSTED',
    'OBJECT_DAMAGED',
    'OBJECT_MISSING',
    'PATH_NOT_FOUND',
    'STORE_UNAVAILABLE',
    'STORE_FOREIGN',
    'IDENTITY_MISSING',
    'IDENTITY_WRONG',
  ],

  define(command) {
    command
      .argument('<snapshot>', 'id, a unique beginning of it, or latest')
      .argument('[path]', 'begins with the tree, e.g. shadow/var/www, or is databases; without it: both')
      .option('--account <account>', 'site, domain or UUID; needed with latest')
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', copyHelp)
      .option('--server <uuid>', serverHelp)
      .option('-R, --recursive', 'everything below as well')
      .option('--path-percent <path>', 'the path percent-encoded, as names with odd bytes or a % are shown')
      .addHelpText('after', percentHelp)
      .addHelpText(
        'after',
        '\nA + after the mode stands for an ACL, an @ for other extended attributes; --json names them.',
      );
    defineKeyOptions(command);
  },

  async run(context, { args, options }) {
    const { output, signal } = context;
    requireAccount(args[0]!, options.account);
    const loaded = await loadReadable(context);
    const choice = { loaded, ...options, ofServer: options.server };
    return withStore(context, choice, async ({ search, opened, trust }) => {
      const snapshot = await resolveSnapshot(search, args[0]!, options.account);
      const why = distrustOf(snapshot, trust);
      if (why !== null) output.note(`note: ${snapshot.name} is not trusted: ${why}`);
      const everything = { paths: [], databases: [], everything: true };
      await noteDoubts(output, search, snapshot, failedComponents(snapshot, everything));
      const percent = options.pathPercent;
      const path = percent === undefined ? snapshotPath(args[1] ?? '') : percentPath(percent);
      await noteExcluded(output, search, snapshot, [path]);
      const notFound = (): HoldfastError => {
        const typed = percent ?? args[1]!;
        const encoded =
          percent === undefined && typed.includes('%')
            ? 'Give names as they are shown by --path-percent. '
            : '';
        const hint = `${lostNamesHint(snapshot.body)}${encoded}Paths begin with the tree; run holdfast ls ${snapshot.name} to see them.`;
        return new HoldfastError('PATH_NOT_FOUND', `${snapshot.name} holds no ${quoted(typed, 4096)}`, {
          hint:
            exclusionOver(snapshot, path) === null
              ? hint
              : 'Name a snapshot that was made without that exclusion.',
        });
      };
      if (isOfExports(path)) {
        const exports = describeExports(snapshot, path.toString());
        if (exports.length === 0) throw notFound();
        showExports(output, exports);
        return 0;
      }
      const reader = await openIndex(opened.provider, snapshot, signal).catch((error: unknown) => {
        // Databases can be had without it.
        if (path.length === 0 && isHoldfastError(error) && error.code.startsWith('OBJECT_'))
          showExports(output, describeExports(snapshot));
        throw error;
      });
      const show = async (entry: Entry): Promise<void> => {
        const content = await contentOf(reader, entry);
        if (output.json) output.record<EntryDocument>(describeEntry(entry, content));
        else output.line(entryLine(entry, content));
      };
      const top = path.length === 0 ? null : await reader.lookup(path);
      if (path.length > 0 && top === null) throw notFound();
      if (top !== null && typeOf(top) !== fileType.directory) {
        await show(top);
        return 0;
      }
      const prefix = path.length === 0 ? 0 : path.length + 1;
      for await (const entry of reader.entries(path)) {
        if (entry.path.length <= prefix) continue;
        if (options.recursive === true || !entry.path.includes(0x2f, prefix)) await show(entry);
      }
      if (path.length === 0) showExports(output, describeExports(snapshot));
      return 0;
    });
  },
};
