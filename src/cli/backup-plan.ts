/** What a backup would do, found out without writing anything: for `backup --dry-run`. */

import { isHoldfastError } from '../core/errors.ts';
import type { Account, DatabaseEngine, RequestedLevel } from '../core/index.ts';
import { ownHistory } from '../core/jobs/backup/history.ts';
import { levelDue } from '../core/jobs/backup/level-due.ts';
import { openTrust } from '../core/jobs/trust.ts';
import { printable, quoted } from '../core/printable.ts';
import type { State } from '../core/state/state.ts';
import type { BackupPlanDocument } from './documents/backup.ts';
import { bytesText, plural } from './format.ts';
import { addinId, type OpenedStore } from './opened.ts';
import type { Output } from './output.ts';
import type { World } from './world.ts';

export interface PlanInput {
  readonly accounts: readonly Account[];
  readonly unmatched: readonly string[];
  readonly opened: OpenedStore;
  readonly engines: readonly DatabaseEngine[];
  readonly state: State | null;
  readonly stateDir: string;
  readonly trustedSigners: readonly string[];
  readonly level: RequestedLevel;
  readonly fullEveryDays: (account: Account) => number | null;
  readonly world: World;
  readonly signal: AbortSignal;
}

type PlannedAccount = BackupPlanDocument['accounts'][number];
type PlannedError = PlannedAccount['error'];

export async function planBackUp(input: PlanInput): Promise<BackupPlanDocument> {
  const accounts: PlannedAccount[] = [];
  for (const account of input.accounts) accounts.push(await planAccount(input, account));
  return { addin: input.opened.name, accounts, unmatched: [...input.unmatched] };
}

async function planAccount(input: PlanInput, account: Account): Promise<PlannedAccount> {
  const { state, engines } = input;
  const uuid = state === null ? null : await state.knownAccountId(account);
  const { site, domain, problem, trees } = account;
  const families = account.databases.map(({ family }) => family);
  return {
    account: site,
    uuid,
    domain,
    state: account.state,
    problem,
    ...(await levelOf(input, account, uuid)),
    trees: trees.map(({ name, path, exclude }) => ({ name, path, exclude: [...exclude] })),
    databases: await databasesOf(input, account),
    unconfiguredEngines: families.filter((one) => !engines.some(({ family }) => family === one)),
  };
}

async function levelOf(
  { opened, state, stateDir, trustedSigners, level, fullEveryDays, world, signal }: PlanInput,
  account: Account,
  owner: string | null,
): Promise<Pick<PlannedAccount, 'level' | 'reason' | 'parents' | 'error' | 'snapshots'>> {
  const { store, provider } = opened;
  const addin = (server: string) => ({ id: addinId(server, opened.name), store, provider });
  const listed =
    state === null || owner === null
      ? []
      : (
          await ownHistory({
            addin: addin(state.server.uuid),
            server: state.server.uuid,
            owner,
            stateDir,
            trust: await openTrust(stateDir, trustedSigners),
            signal,
          })
        ).items;
  const history = listed.map((item) => ({ ...item, manifestKey: item.key }));
  try {
    const requested = levelDue({ level, account, fullEveryDays, world }, history);
    const request = { owner: owner ?? 'new', requested, history, nowMs: world.now(), signal };
    const plan = await provider.plan(request);
    const { reason, parents } = plan;
    return { level: plan.level, reason, parents: [...parents], error: null, snapshots: listed.length };
  } catch (error) {
    return { level: null, reason: null, parents: [], error: describeError(error), snapshots: listed.length };
  }
}

async function databasesOf(
  { engines, signal }: PlanInput,
  account: Account,
): Promise<PlannedAccount['databases']> {
  const found: PlannedAccount['databases'] = [];
  for (const selector of account.databases) {
    for (const engine of engines.filter(({ family }) => family === selector.family)) {
      const { instance } = engine;
      try {
        for (const { name, matchedBy, estimatedBytes } of await engine.discover({ selector, signal })) {
          found.push({ instance, name, matchedBy, estimatedBytes, error: null });
        }
      } catch (error) {
        const nothing = { name: null, matchedBy: null, estimatedBytes: null };
        found.push({ instance, ...nothing, error: describeError(error) });
      }
    }
  }
  return found;
}

/** Rethrows what is no error of ours. */
function describeError(error: unknown): NonNullable<PlannedError> {
  if (!isHoldfastError(error)) throw error;
  return { code: error.code, message: error.message, hint: error.hint ?? null };
}

export function printPlan(plan: BackupPlanDocument, output: Output): void {
  for (const account of plan.accounts) {
    const level = account.error === null ? `${account.level} (${account.reason})` : account.error.message;
    output.line(`${printable(account.account)}  ${printable(account.domain ?? '-')}  ${level}`);
    if (account.problem !== null) output.line(`  problem: ${account.problem}`);
    for (const { name, path, exclude } of account.trees) {
      const without =
        exclude.length === 0 ? '' : `  without ${exclude.map((one) => printable(one)).join(', ')}`;
      output.line(`  tree ${printable(name)}  ${printable(path, 4096)}${without}`);
    }
    for (const { instance, name, matchedBy, estimatedBytes, error } of account.databases) {
      if (error !== null) output.line(`  databases of ${instance}: ${error.code}: ${error.message}`);
      else
        output.line(
          `  database ${instance}/${printable(name ?? '')}  about ${bytesText(estimatedBytes ?? 0)}  by ${matchedBy}`,
        );
    }
    for (const family of account.unconfiguredEngines) {
      output.line(`  databases of ${family}: no such server is configured, so none is exported`);
    }
  }
  for (const pattern of plan.unmatched) output.line(`no account fits ${quoted(pattern)}`);
  output.info(
    `would back up ${plural(plan.accounts.length, 'account')} with ${plan.addin}; nothing was written`,
  );
}
