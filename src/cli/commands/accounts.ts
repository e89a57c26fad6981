/** `holdfast accounts`: what the panel has, and when each was last backed up. */

import { isAhead } from '../../core/ahead.ts';
import { errorCodes, isHoldfastError } from '../../core/errors.ts';
import type { Account } from '../../core/index.ts';
import { openTrust, trustsNobody } from '../../core/jobs/trust.ts';
import { describePolicy, printPolicies } from '../account-policies.ts';
import type { CliCommand, CliContext } from '../command.ts';
import { type Loaded, loadConfigured, loadReadable, lostAddins } from '../configuration.ts';
import type { AccountsDocument } from '../documents/accounts.ts';
import { erasedAmong } from '../erased-snapshots.ts';
import { ageText } from '../format.ts';
import { knownIds } from '../known-ids.ts';
import { openPanel, openStateIfAny, openStore } from '../opened.ts';
import { listCandidates } from '../search.ts';

interface Options {
  readonly policy?: true;
}

export const accounts: CliCommand<Options> = {
  shows: true,
  exits: ['PANEL_UNREADABLE', 'FINISHED_WITH_WARNINGS'],

  define(command) {
    command
      .option('--policy', 'show what applies to each account, and why')
      .addHelpText(
        'after',
        '\nThe last good snapshot is looked for in every configured store. Where one cannot be read, or a file of\naddins.d says of none what it is, that is a warning, and accounts without any are "unknown", not "never".',
      );
  },

  async run(context, { options }) {
    const { configDir, world, output, signal } = context;
    const withPolicy = options.policy === true;
    const loaded = withPolicy ? await loadConfigured(configDir) : await loadReadable(context);
    const { panel } = await openPanel(loaded, world);
    // The store may be a process of its own, and works while the panel is read.
    const [{ lastGood, complete }, [found, ids]] = await Promise.all([
      lastGoodOf(context, loaded),
      panel.accounts({ signal, brief: true }).then(async (all) => {
        const state = await openStateIfAny(loaded.configuration, world);
        return [all, await knownIds(all, state)] as const;
      }),
    ]);
    const idOf = (account: Account): string | null => ids.get(account) ?? null;
    const lastGoodAt = (account: Account): number | null => lastGood.get(idOf(account) ?? '') ?? null;
    const described =
      withPolicy || output.json
        ? found.map((account) =>
            describeAccount(account, {
              uuid: idOf(account),
              lastGoodAt: instant(lastGoodAt(account)),
              policy: withPolicy ? describePolicy(account, loaded.configuration) : null,
            }),
          )
        : [];
    if (withPolicy) printPolicies(output, described);
    else if (!output.json) {
      const now = world.now();
      const ageOf = (atMs: number | null): string =>
        atMs !== null ? ageText(now - atMs) : complete ? 'never' : 'unknown';
      const rows = found.map((account) => rowOf(account, idOf(account) !== null, ageOf(lastGoodAt(account))));
      output.table(columns, rows);
    }
    for (const { site, problem } of found) if (problem !== null) output.note(`note: ${site}: ${problem}`);
    output.document<AccountsDocument>({ panel: panel.name, accounts: described });
    return complete ? 0 : errorCodes.FINISHED_WITH_WARNINGS.exit;
  },
};

type AccountItem = AccountsDocument['accounts'][number];

const columns = [
  { title: 'SITE' },
  { title: 'DOMAIN', shrinks: true },
  { title: 'ALIASES', align: 'right' },
  { title: 'STATE' },
  { title: 'TREES' },
  { title: 'DATABASES', shrinks: true },
  { title: 'KNOWN' },
  { title: 'LAST GOOD', align: 'right' },
] as const;

const instant = (atMs: number | null): string | null => (atMs === null ? null : new Date(atMs).toISOString());

function rowOf(account: Account, isKnown: boolean, lastGood: string): string[] {
  const { site, domain, aliases, state, trees, databases, problem } = account;
  const selectors = databases.map(
    ({ family, prefix, admin, names }) => `${family} ${prefix ?? admin ?? names.join(' ')}`,
  );
  return [
    site,
    domain ?? '-',
    String(aliases.length),
    problem === null ? state : `${state}, problem`,
    trees.map(({ name }) => name).join(' ') || '-',
    selectors.join(', ') || '-',
    isKnown ? 'yes' : 'no',
    lastGood,
  ];
}

function describeAccount(
  account: Account,
  known: Pick<AccountItem, 'uuid' | 'lastGoodAt' | 'policy'>,
): AccountItem {
  const { site, domain, aliases, plan, state, problem, home } = account;
  return {
    site,
    domain,
    aliases: [...aliases],
    plan,
    state,
    problem,
    home,
    trees: account.trees.map(({ name, path, exclude }) => ({ name, path, exclude: [...exclude] })),
    databases: account.databases.map(({ family, prefix, admin, names }) => ({
      family,
      prefix,
      admin,
      names: [...names],
    })),
    ...known,
  };
}

/** When the last complete snapshot of each owner was made, over all stores that can be read; `complete`: there are no others. */
async function lastGoodOf(
  { world, output, signal }: CliContext,
  loaded: Loaded,
): Promise<{ lastGood: ReadonlyMap<string, number>; complete: boolean }> {
  const lastGood = new Map<string, number>();
  let complete = lostAddins(loaded.configuration).length === 0;
  const nowMs = world.now();
  const { stateDir, trustedSigners } = loaded.configuration;
  const trust = await openTrust(stateDir, trustedSigners);
  const trusted = trustsNobody(trust) ? null : trust;
  for (const addin of loaded.configuration.addins) {
    try {
      const { store, provider } = await openStore(loaded, addin, world);
      try {
        const search = { store, provider, state: null, panelAccounts: async () => [], signal };
        const listed = await listCandidates(search, null);
        const erased = await erasedAmong(search, trusted, addin, listed);
        for (const { id, owner, state, atMs } of listed) {
          if (state === 'complete' && !isAhead(atMs, nowMs) && !erased.has(id))
            lastGood.set(owner, Math.max(lastGood.get(owner) ?? 0, atMs));
        }
      } finally {
        await store.close();
      }
    } catch (error) {
      if (!isHoldfastError(error) || signal.aborted) throw error;
      output.note(`warning: ${addin.name}: ${error.message}`);
      complete = false;
    }
  }
  return { lastGood, complete };
}
