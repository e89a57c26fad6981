/** What a backup would do, found out without writing anything: for `backup --dry-run`. */

import { policyOf } from '../core/config/policy.ts';
import { type ErrorCode, errorCodes, isHoldfastError } from '../core/errors.ts';
import type { Account, DatabaseEngine, RequestedLevel } from '../core/index.ts';
import { ownHistory } from '../core/jobs/backup/history.ts';
import { levelDue } from '../core/jobs/backup/level-due.ts';
import { type OwnDirectory, refuseOwn } from '../core/jobs/backup/own-directories.ts';
import { refuseRawData } from '../core/jobs/backup/raw-data.ts';
import { openTrust } from '../core/jobs/trust.ts';
import { printable, quoted } from '../core/printable.ts';
import type { State } from '../core/state/state.ts';
import type { CliContext } from './command.ts';
import type { BackupPlanDocument } from './documents/backup.ts';
import { bytesText, plural } from './format.ts';
import { addinId, type OpenedStore, openStateIfAny } from './opened.ts';
import type { Output } from './output.ts';
import { ownDirectories } from './own-directories.ts';
import type { RunParts } from './runs/run-parts.ts';
import { selectForRun } from './runs/select-accounts.ts';
import { requireUsable } from './usable-store.ts';
import type { World } from './world.ts';

interface PlanInput {
  readonly accounts: readonly Account[];
  readonly unmatched: readonly string[];
  readonly opened: OpenedStore;
  readonly engines: readonly DatabaseEngine[];
  readonly state: State | null;
  readonly stateDir: string;
  readonly trustedSigners: readonly string[];
  readonly level: RequestedLevel;
  readonly fullEveryDays: (account: Account) => number | null;
  readonly own: readonly OwnDirectory[];
  readonly world: World;
  readonly signal: AbortSignal;
}

type PlannedAccount = BackupPlanDocument['accounts'][number];
type PlannedError = PlannedAccount['error'];

/** Shows the plan; resolves with the exit status that a run would end with. */
export async function dryRun(
  context: CliContext,
  { loaded, opening, panel, engines, chosen }: RunParts,
): Promise<number> {
  const { configuration } = loaded;
  const state = await openStateIfAny(configuration, context.world);
  const selected = await selectForRun(context, { ...loaded, panel, chosen }, state?.sites() ?? new Map());
  const opened = await opening;
  const { stateDir, trustedSigners } = configuration;
  await requireUsable(context, { loaded, chosen, opened, state });
  const plan = await planBackUp({
    ...selected,
    opened,
    engines,
    state,
    stateDir,
    trustedSigners,
    level: chosen.level,
    fullEveryDays: (account) => policyOf(account, configuration).fullEveryDays.value,
    own: ownDirectories(loaded),
    ...context,
  });
  printPlan(plan, context.output);
  context.output.document(plan);
  return plan.exitStatus;
}

async function planBackUp(input: PlanInput): Promise<BackupPlanDocument> {
  const accounts: PlannedAccount[] = [];
  for (const account of input.accounts) accounts.push(await planAccount(input, account));
  const exitStatus = exitStatusOfPlan(accounts);
  return { addin: input.opened.name, accounts, unmatched: [...input.unmatched], exitStatus };
}

/** As a run has it: an account that is lost outranks one that is partial. */
export function exitStatusOfPlan(
  accounts: readonly Pick<PlannedAccount, 'error' | 'trees' | 'databases'>[],
): number {
  let partial = 0;
  for (const { error, trees, databases } of accounts) {
    if (error !== null) return errorCodes[error.code as ErrorCode].exit;
    const components = [...trees, ...databases];
    if (components.every((one) => one.error !== null)) return errorCodes.RUN_FAILED.exit;
    if (components.some((one) => one.error !== null)) partial = errorCodes.SNAPSHOT_PARTIAL.exit;
  }
  return partial;
}

async function planAccount(input: PlanInput, account: Account): Promise<PlannedAccount> {
  const { state, engines } = input;
  const uuid = state === null ? null : await state.knownAccountId(account);
  const { site, domain, problem } = account;
  const families = account.databases.map(({ family }) => family);
  return {
    account: site,
    uuid,
    domain,
    state: account.state,
    problem,
    ...(await levelOf(input, account, uuid)),
    trees: treesOf(input, account),
    databases: await databasesOf(input, account),
    unconfiguredEngines: families.filter((one) => !engines.some(({ family }) => family === one)),
  };
}

/** What a run refuses of them it would refuse now. */
function treesOf({ own }: PlanInput, account: Account): PlannedAccount['trees'] {
  const apart = refuseOwn(account.trees, own);
  const raw = refuseRawData({ ...account, trees: apart.trees });
  const why = new Map([...apart.refused, ...raw.refused].map(({ tree, error }) => [tree, error]));
  return account.trees.map((tree) => {
    const error = why.get(tree);
    const { name, path, exclude, include = [] } = tree;
    const patterns = { include: [...include], exclude: [...exclude] };
    return { name, path, ...patterns, error: error === undefined ? null : describeError(error) };
  });
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

function printPlan(plan: BackupPlanDocument, output: Output): void {
  for (const account of plan.accounts) {
    const level = account.error === null ? `${account.level} (${account.reason})` : 'would fail';
    output.line(`${printable(account.account)}  ${printable(account.domain ?? '-')}  ${level}`);
    if (account.error !== null) sayError(output, 'error', account.error);
    if (account.problem !== null) output.line(`  problem: ${account.problem}`);
    for (const tree of account.trees) {
      output.line(`  ${treeLine(tree)}`);
      if (tree.error !== null) sayError(output, '  would fail', tree.error);
    }
    for (const { instance, name, matchedBy, estimatedBytes, error } of account.databases) {
      if (error !== null) sayError(output, `databases of ${instance}`, error);
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
  const failing = plan.accounts.filter((one) => exitStatusOfPlan([one]) > 0).length;
  const well = plan.accounts.length - failing;
  const ill = failing === 0 ? '' : `, and fail with ${plural(failing, 'account')} wholly or in part`;
  output.info(`would back up ${plural(well, 'account')} with ${plan.addin}${ill}; nothing was written`);
}

export function treeLine({ name, path, include, exclude }: PlannedAccount['trees'][number]): string {
  const listed = (word: string, patterns: readonly string[]): string =>
    patterns.length === 0 ? '' : `  ${word} ${patterns.map((one) => printable(one)).join(', ')}`;
  const narrowed = `${listed('only', include)}${listed('without', exclude)}`;
  return `tree ${printable(name)}  ${printable(path, 4096)}${narrowed}`;
}

function sayError(output: Output, what: string, { code, message, hint }: NonNullable<PlannedError>): void {
  output.line(`  ${what}: ${code}: ${message}`);
  if (hint !== null) output.line(`    hint: ${hint}`);
}
