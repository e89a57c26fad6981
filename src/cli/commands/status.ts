/** `holdfast status`: how old the last good snapshot of each account is. */

import { isAhead } from '../../core/ahead.ts';
import { errorCodes } from '../../core/errors.ts';
import type { Account } from '../../core/index.ts';
import type { ListedSnapshot } from '../../core/jobs/catalog.ts';
import { eachLimited } from '../../core/jobs/each-limited.ts';
import { selectAccounts } from '../../core/jobs/resolve-accounts.ts';
import { trustsNobody } from '../../core/jobs/trust.ts';
import { printable } from '../../core/printable.ts';
import { type PastRun, pastRuns, runLogFile } from '../../core/state/run-history.ts';
import { type KnownRun, knownRuns } from '../../core/state/run-records.ts';
import type { CliCommand } from '../command.ts';
import type { StatusDocument } from '../documents/snapshots.ts';
import { erasedAmong } from '../erased-snapshots.ts';
import { listCandidates, type Search } from '../find-snapshot.ts';
import { ageText, agoText, plural } from '../format.ts';
import { type Doubt, SnapshotJudge } from '../judged-snapshots.ts';
import { defineKeyOptions } from '../key-input.ts';
import { knownIds } from '../known-ids.ts';
import { readNewestOfEach } from '../read-each.ts';
import { findingsOfEach, type ShownFinding } from '../recent-findings.ts';
import { checkStatus } from '../runs/check-status.ts';
import { describePastRun } from '../runs/past-run.ts';
import { type Runner, runnerOf } from '../runs/runner.ts';
import { isFor } from '../runs/select-accounts.ts';
import { copyHelp, withStore } from '../store-session.ts';

const accountsAtOnce = 16;
const columns = [
  { title: 'ACCOUNT' },
  { title: 'DOMAIN', shrinks: true },
  { title: 'SNAPSHOTS', align: 'right' },
  { title: 'NEWEST' },
  { title: 'AGE', align: 'right' },
  { title: 'LAST GOOD', align: 'right' },
] as const;

export const status: CliCommand = {
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
          'exclusions, or dated ahead of the clock. Snapshots whose manifests this server does not remember to have written are read: one that is damaged or ' +
          'not trusted is no good one, and the status is 100.' +
          '\nWith --check it looks at every addin configuration that does not rest, or with --copy at that copy alone, and an account is critical where a component has no good ' +
          'snapshot younger than alertAfterHours.',
      );
    defineKeyOptions(command);
  },

  async run(context, { options }) {
    const { output, world } = context;
    if (options['check'] === true) return checkStatus(context, options);
    return withStore(
      context,
      { ...options, needs: 'any', readsPanel: true },
      async ({ loaded, addin, search, state, trust }) => {
        const sites = state?.sites() ?? new Map<string, string>();
        const { stateDir } = loaded.configuration;
        const trusted = trustsNobody(trust) ? null : trust;
        const [listedAll, [found, ids], judge] = await Promise.all([
          listCandidates(search, null),
          search.panelAccounts().then(async (all) => [all, await knownIds(all, state)] as const),
          SnapshotJudge.open(search, trusted, stateDir),
        ]);
        const selected = selectAccounts(found, addin.accounts, sites);
        const accounts = selected.accounts.filter((one) => isFor(one, addin.name, loaded.configuration));
        const byOwner = Map.groupBy(listedAll, ({ owner }) => owner);
        const strange = !madeHere(search, listedAll);
        const owners = strange ? await ownersBySite(search, listedAll, accounts) : new Map<string, string>();
        if (owners.size > 0) {
          output.note(
            'note: the local state knows none of these snapshots; accounts are found by site and domain',
          );
        }
        if (trusted === null && listedAll.length > 0)
          output.note('note: this machine trusts nobody: name servers in "trustedSigners" of config.json');
        const now = world.now();
        const erased = await erasedAmong(search, trusted, addin, listedAll);
        const newest = [...byOwner.values()].flatMap((listed) => listed.slice(-1));
        const findings = await findingsOfEach(judge, newest, { stateDir, addin: addin.name });
        const seen: SeenAccount[] = [];
        const unsure: number[] = [];
        for (const [index, account] of accounts.entries()) {
          const uuid = owners.get(account.site) ?? ids.get(account) ?? null;
          const listed = uuid === null ? [] : (byOwner.get(uuid) ?? []);
          const last = listed.at(-1) ?? null;
          const past = listed.filter(({ id, atMs }) => !isAhead(atMs, now) && !erased.has(id));
          const good = judge.sure(past);
          if (good === null) unsure.push(index);
          const wrong = [...(findings.get(last?.id ?? '') ?? []), ...datedAhead(last, now)];
          seen.push({ account, uuid, listed, past, last, good, findings: wrong, doubts: [] });
        }
        await eachLimited(unsure, accountsAtOnce, async (index) => {
          const one = seen[index]!;
          const doubts: Doubt[] = [];
          const good = await judge.newestComplete(one.past, doubts);
          if (one.last !== null && !judge.isWritten(one.last)) {
            const { doubt } = await judge.read(one.last);
            if (doubt !== null) doubts.unshift(doubt);
          }
          seen[index] = { ...one, good, doubts: [...new Set(doubts)] };
        });
        if (!output.json) output.table(columns, rowsOf(seen, now, erased));
        const without = seen.filter(({ good }) => good === null).length;
        if (without > 0) output.info(`${plural(without, 'account')} without a good snapshot`);
        const suspect = seen.filter((one) => one.findings.length > 0);
        for (const { account, findings: wrong } of suspect) {
          for (const { code, message } of wrong) {
            output.info(`the newest snapshot of ${printable(account.site)} looks wrong: ${code}: ${message}`);
          }
        }
        const doubtful = seen.filter(({ doubts }) => doubts.length > 0);
        for (const { account, doubts } of doubtful) {
          const more = doubts.length > 1 ? `, and ${doubts.length - 1} more` : '';
          output.info(
            `of ${printable(account.site)} not believed: ${printable(doubts[0]!.message, 500)}${more}`,
          );
        }
        const runs = (await knownRuns(stateDir)).filter((run) => run.addin === addin.name);
        for (const run of runs) output.info(runText(run, now));
        const ended = await pastRuns(stateDir, { addin: addin.name, limit: 20, nowMs: now });
        if (ended[0] !== undefined) output.info(endText(ended[0], now));
        const { kind, pid } = runnerOf(loaded.configuration);
        if (!loaded.configuration.steering.enabled)
          output.info('backups are switched off: see holdfast schedule');
        else if (addin.schedule.length > 0) output.info(runnerText(kind, pid));
        else output.info('nothing is scheduled: see holdfast schedule');
        output.document<StatusDocument>({
          addin: addin.name,
          runs: runs.map(({ id, state, startedAtMs, accounts, done }) => {
            return { id, state, startedAt: new Date(startedAtMs).toISOString(), accounts, done };
          }),
          ended: ended.map((run) => ({
            ...describePastRun(run),
            log: runLogFile(stateDir, run.startedAtMs, run.id),
          })),
          runner: kind,
          accounts: output.json ? seen.map((one) => describeSeen(one, now, erased)) : [],
        });
        return without + suspect.length + doubtful.length > 0 ? errorCodes.FINISHED_WITH_WARNINGS.exit : 0;
      },
    );
  },
};

/** What the store has of an account. */
interface SeenAccount {
  readonly account: Account;
  readonly uuid: string | null;
  /** Oldest first. */
  readonly listed: readonly ListedSnapshot[];
  /** Without those that a clock that was wrong has dated ahead of now. */
  readonly past: readonly ListedSnapshot[];
  readonly last: ListedSnapshot | null;
  readonly good: ListedSnapshot | null;
  readonly findings: readonly ShownFinding[];
  /** Snapshots that are damaged or not trusted, as far as they were looked at. */
  readonly doubts: readonly Doubt[];
}

function rowsOf(seen: readonly SeenAccount[], nowMs: number, erased: ReadonlySet<string>): string[][] {
  const age = (one: ListedSnapshot | null): string => (one === null ? 'never' : ageText(nowMs - one.atMs));
  return seen.map(({ account: { site, domain }, listed, last, good, doubts }) => {
    const doubt = doubts.find(({ key }) => key === last?.key);
    const wrong = last !== null && erased.has(last.id) ? 'erased' : doubt?.kind;
    const state = last === null ? '-' : wrong === undefined ? last.state : `${last.state}, ${wrong}`;
    return [site, domain ?? '-', String(listed.length), state, age(last), age(good)];
  });
}

function datedAhead(last: ListedSnapshot | null, nowMs: number): ShownFinding[] {
  if (last === null || !isAhead(last.atMs, nowMs)) return [];
  const message = `it is dated ${agoText(nowMs - last.atMs)}, by one that was wrong, and counts for nothing until then`;
  return [{ code: 'dated-ahead', message }];
}

function describeSeen(
  { account, uuid, listed, last, good, findings, doubts }: SeenAccount,
  nowMs: number,
  erased: ReadonlySet<string>,
): StatusDocument['accounts'][number] {
  return {
    account: account.site,
    uuid,
    domain: account.domain,
    snapshots: listed.length,
    lastState: last?.state ?? null,
    erased: last !== null && erased.has(last.id),
    lastAt: last === null ? null : new Date(last.atMs).toISOString(),
    lastGoodAt: good === null ? null : new Date(good.atMs).toISOString(),
    lastGoodAgeSeconds: good === null ? null : Math.max(0, Math.floor((nowMs - good.atMs) / 1000)),
    findings: findings.map(({ code, message }) => ({ code, message })),
    doubts: doubts.map(({ key, kind, message }) => ({ key, kind, message })),
  };
}

function runText({ state, startedAtMs, accounts, done }: KnownRun, nowMs: number): string {
  const far = `${done} of ${plural(accounts, 'account')}`;
  const began = `that began ${agoText(nowMs - startedAtMs)}`;
  return state === 'running'
    ? `a run ${began} is under way: ${far}`
    : `a run ${began} was interrupted after about ${far}; run holdfast backup again`;
}

function endText({ id, scheduled, startedAtMs, exitStatus, ...counts }: PastRun, nowMs: number): string {
  const { snapshots, partial, failed } = counts;
  const how = `${plural(snapshots, 'snapshot')}, ${partial} of them partial, ${failed} failed`;
  const what = scheduled ? 'scheduled run' : 'run by hand';
  return `last ${what} ${id} ${agoText(nowMs - startedAtMs)}: exit status ${exitStatus}, ${how}`;
}

const runnerText = (kind: Runner['kind'], pid: number | null): string =>
  kind === 'daemon'
    ? `the daemon runs the schedule (process ${pid})`
    : kind === 'nothing'
      ? 'nothing runs the schedule: see holdfast schedule'
      : `the schedule is run by ${kind}`;

function madeHere({ state }: Search, listed: readonly ListedSnapshot[]): boolean {
  const servers = state === null ? [] : [...state.server.previous, state.server].map(({ uuid }) => uuid);
  return listed.length === 0 || listed.some(({ server }) => servers.includes(server));
}

/**
 * Owners as the newest manifests name them, for a server that has lost its state. A site with another
 * domain than then may belong to somebody else by now.
 */
async function ownersBySite(
  search: Search,
  listed: readonly ListedSnapshot[],
  accounts: readonly Account[],
): Promise<Map<string, string>> {
  const domains = new Map(accounts.map(({ site, domain }) => [site, domain]));
  const { snapshots } = await readNewestOfEach(search, listed);
  const found = snapshots.filter(({ body }) => domains.get(body.account.site) === body.account.domain);
  const oldestFirst = found.sort((a, b) => Date.parse(a.header.startedAt) - Date.parse(b.header.startedAt));
  return new Map(oldestFirst.map(({ header, body }) => [body.account.site, header.owner]));
}
