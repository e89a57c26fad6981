/** `holdfast status`: how old the last good snapshot of each account is. */

import { errorCodes } from '../../core/errors.ts';
import { trustIn } from '../../core/jobs/trust.ts';
import type { CliCommand } from '../command.ts';
import { loadReadable } from '../configuration.ts';
import type { StatusDocument } from '../documents/snapshots.ts';
import { defineKeyOptions, type KeyOptions } from '../key-input.ts';
import { mostServers, serversIn } from '../left-out-notes.ts';
import { pastElsewhere, pastText } from '../past-elsewhere.ts';
import { checkStatus } from '../runs/check-status.ts';
import { type SeenAccount, seenAccounts } from '../seen-accounts.ts';
import { columns, describeGone, describeSeen, rowOf, tellWrong } from '../status-accounts.ts';
import { tellRuns } from '../status-runs.ts';
import { copyHelp, type StoreSession, withStore } from '../store-session.ts';

interface Options extends KeyOptions {
  readonly addin?: string;
  readonly copy?: string;
  readonly check?: true;
}

export const status: CliCommand<Options> = {
  shows: true,
  exits: ['PANEL_UNREADABLE', 'STORE_UNAVAILABLE', 'STORE_FOREIGN', 'STORE_DENIED', 'FINISHED_WITH_WARNINGS'],

  define(command) {
    command
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', copyHelp)
      .option('--check', 'for monitoring: one line, and 0 OK, 1 WARNING, 2 CRITICAL or 3 UNKNOWN')
      .addHelpText(
        'after',
        '\nThe status is 100 where an account has no good snapshot, that is a complete one, or where the newest ' +
          'one looks wrong: much smaller than before, ten times the usual changes, no longer compressible, with other ' +
          'exclusions, or dated ahead of the clock; where the last run failed, the last scheduled one or a later one by hand over most accounts; where no account is selected; and where the configuration has a fault, so that no backup is made. Snapshots whose manifests this server does not remember to have written are read: one that is damaged or ' +
          'not trusted is no good one, and the status is 100. So it is on a machine that trusts nobody, which shows whatever is there.' +
          '\nWith --check it looks at every addin configuration that does not rest, or with --copy at that copy alone, and an account is critical where a component has no good ' +
          'snapshot younger than alertAfterHours. A warning are a newest snapshot that looks wrong, but for other exclusions; a last run that failed, its copies and its upkeep included; and what keeps the schedule from running. docs/schedule.md has them all.',
      );
    defineKeyOptions(command);
  },

  async run(context, { options }) {
    const { output, world } = context;
    if (options.check === true) return checkStatus(context, options);
    const loaded = await loadReadable(context);
    return withStore(context, { loaded, ...options, needs: 'any', readsPanel: true }, async (session) => {
      const found = await seenAccounts(session, world.now);
      const { seen, gone, nowMs } = found;
      await notePast(session, seen);
      if (!output.json) {
        const rows = seen.map((one) => rowOf(one, found));
        output.table(columns, rows);
      }
      const isWrong = tellWrong(output, found, session.addin.name);
      const runs = await tellRuns(output, session, { accounts: seen.length, nowMs });
      output.document<StatusDocument>({
        addin: session.addin.name,
        ...runs.document,
        accounts: output.json ? seen.map((one) => describeSeen(one, nowMs)) : [],
        gone: gone.map(describeGone),
      });
      return isWrong || runs.hasFailed || loaded.configuration.faults.length > 0
        ? errorCodes.FINISHED_WITH_WARNINGS.exit
        : 0;
    });
  },
};

/** Without a state whatever is there is shown, whoever made it. A fleet has too many servers for a glance at each. */
async function notePast({ loaded, search }: StoreSession, seen: readonly SeenAccount[]): Promise<void> {
  const { store, state, signal, note } = search;
  if (state === null || store.capabilities.putOnly) return;
  const accounts = seen.map(({ account }) => account);
  const named = trustIn(loaded.configuration.trustedSigners);
  const servers = await serversIn(store, signal, mostServers);
  if (servers.length > mostServers) {
    note?.(
      `note: more than ${mostServers} servers share the store; holdfast doctor tells whether another than this one made snapshots of its accounts`,
    );
    return;
  }
  const text = pastText(await pastElsewhere({ ...search, named }, accounts, servers));
  if (text !== null) note?.(`note: ${text}; holdfast snapshots --server UUID shows them`);
}
