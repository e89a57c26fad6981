/** `holdfast status`: how old the last good snapshot of each account is. */

import { selectAccounts } from '../../core/jobs/resolve-accounts.ts';
import type { CliCommand } from '../command.ts';
import type { StatusDocument } from '../documents/snapshots.ts';
import { listCandidates } from '../find-snapshot.ts';
import { ageText, plural } from '../format.ts';
import { copyHelp, withStore } from '../store-session.ts';

const columns = [
  { title: 'ACCOUNT' },
  { title: 'DOMAIN', shrinks: true },
  { title: 'SNAPSHOTS', align: 'right' },
  { title: 'NEWEST' },
  { title: 'AGE', align: 'right' },
  { title: 'LAST GOOD', align: 'right' },
] as const;

export const status: CliCommand = {
  exits: ['PANEL_UNREADABLE', 'STORE_UNAVAILABLE', 'STORE_FOREIGN', 'STORE_DENIED'],

  define(command) {
    command
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', copyHelp);
  },

  async run(context, { options }) {
    const { output, world } = context;
    return withStore(context, { ...options, needs: 'any' }, async ({ addin, search, state }) => {
      const sites = state?.sites() ?? new Map<string, string>();
      const { accounts } = selectAccounts(await search.panelAccounts(), addin.accounts, sites);
      const byOwner = Map.groupBy(await listCandidates(search, null), ({ owner }) => owner);
      const now = world.now();
      const described = await Promise.all(
        accounts.map(async (account) => {
          const uuid = state === null ? null : await state.knownAccountId(account);
          const listed = uuid === null ? [] : (byOwner.get(uuid) ?? []);
          const last = listed.at(-1);
          const good = listed.findLast((one) => one.state === 'complete');
          return {
            account: account.site,
            uuid,
            domain: account.domain,
            snapshots: listed.length,
            lastState: last?.state ?? null,
            lastAt: last === undefined ? null : new Date(last.atMs).toISOString(),
            lastGoodAt: good === undefined ? null : new Date(good.atMs).toISOString(),
            lastGoodAgeSeconds: good === undefined ? null : Math.max(0, Math.floor((now - good.atMs) / 1000)),
          };
        }),
      );
      const age = (at: string | null): string => (at === null ? 'never' : ageText(now - Date.parse(at)));
      output.table(
        columns,
        described.map(({ account, domain, snapshots, lastState, lastAt, lastGoodAt }) => {
          return [account, domain ?? '-', String(snapshots), lastState ?? '-', age(lastAt), age(lastGoodAt)];
        }),
      );
      const without = described.filter(({ lastGoodAt }) => lastGoodAt === null).length;
      if (without > 0) output.info(`${plural(without, 'account')} without a good snapshot`);
      output.document<StatusDocument>({ addin: addin.name, accounts: described });
      return 0;
    });
  },
};
