/**
 * `status --check`: one line and an exit status, as monitoring plugins have them.
 *
 * 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN: an error of ours is UNKNOWN, never its own status, unless something else is
 * CRITICAL. Monitoring
 * takes what follows a bar for figures, so no name brings one along.
 */

import { rests } from '../../core/config/policy.ts';
import { HoldfastError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { readPauses } from '../../core/schedule/schedule-file.ts';
import { knownRuns } from '../../core/state/run-records.ts';
import { knownError } from '../../core/system-error.ts';
import type { CliContext } from '../command.ts';
import { chooseAddin, loadConfigured } from '../configuration.ts';
import type { StatusCheckDocument } from '../documents/status-check.ts';
import { plural } from '../format.ts';
import type { Doubt } from '../judged-snapshots.ts';
import { type StoreChoice, withStore } from '../store-session.ts';
import { interruptedText } from './interrupted.ts';
import { type AccountAge, agesOf } from './overdue.ts';
import { runnerOf } from './runner.ts';

const words = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const;
const shownAccounts = 50;
/** Monitoring waits for a minute, mostly, and stores are tried for as long: all that do not answer have half of it together. */
const patienceMs = 30_000;
const leastPatienceMs = 5000;
const hourMs = 3_600_000;

type Found = AccountAge & { readonly addin: string; readonly limitHours: number };

const textOf = (error: unknown): string => {
  const known = knownError(error);
  return known === null ? String(error) : `${known.code}: ${known.message}`;
};

/** What of the options of `status` says where to look. */
export type StatusChoice = Omit<StoreChoice, 'needs' | 'readsPanel'>;

export async function checkStatus(context: CliContext, choice: StatusChoice): Promise<number> {
  const { output } = context;
  try {
    return await check(context, choice);
  } catch (error) {
    const message = textOf(error);
    output.line(`HOLDFAST UNKNOWN - ${line(message)}`);
    output.document<StatusCheckDocument>({
      status: 'UNKNOWN',
      limitHours: null,
      accounts: 0,
      overdue: [],
      warnings: [message],
    });
    return 3;
  }
}

async function check(context: CliContext, choice: StatusChoice): Promise<number> {
  const { output, world, configDir } = context;
  const { configuration } = await loadConfigured(configDir);
  const chosen = chooseAddins(configuration, choice);
  const nowMs = world.now();
  const found: Found[] = [];
  const doubts: Doubt[] = [];
  const unseen: string[] = [];
  const anew = new Set<string>();
  const limits = chosen.map((addin) => addin.alertAfterHours ?? configuration.alertAfterHours);
  for (const [index, { name: addin }] of chosen.entries()) {
    const limitHours = limits[index]!;
    try {
      const allowedMs = Math.max(leastPatienceMs, patienceMs / chosen.length);
      await answered(context, allowedMs, (within, begun) =>
        withStore(within, { ...choice, addin, needs: 'any' }, async (session) => {
          begun();
          const { name } = session.addin;
          const ages = await agesOf(session, { limitMs: limitHours * hourMs, nowMs });
          for (const age of ages.accounts) found.push({ ...age, addin: name, limitHours });
          doubts.push(...ages.doubts);
          for (const site of ages.anew) anew.add(site);
        }),
      );
    } catch (error) {
      // What is overdue elsewhere is told all the same.
      if (context.signal.aborted) throw error;
      unseen.push(chosen.length === 1 ? textOf(error) : `${addin}: ${textOf(error)}`);
    }
  }
  const overdue = found.filter((one) => one.overdue);
  const warnings: string[] = [...unseen];
  if (!configuration.steering.enabled) warnings.push('backups are switched off by the scope backups.enabled');
  if (doubts.length > 0) warnings.push(doubtsText(doubts));
  if (anew.size > 0) warnings.push(anewText([...anew]));
  const scheduled = chosen.filter(({ schedule }) => schedule.length > 0).map((one) => one.name);
  if (scheduled.length > 0 && runnerOf(configuration).kind === 'nothing')
    warnings.push('nothing runs the schedules');
  const pauses = await readPauses(configuration.stateDir);
  const paused = scheduled.filter((one) => pauses.allSinceMs !== null || one in pauses.addins);
  if (paused.length > 0) warnings.push(`paused: ${paused.join(', ')}`);
  const names = new Set(chosen.map((one) => one.name));
  for (const run of await knownRuns(configuration.stateDir)) {
    if (run.silent && names.has(run.addin)) warnings.push(interruptedText(run));
  }
  const status = overdue.length > 0 ? 2 : unseen.length > 0 ? 3 : warnings.length > 0 ? 1 : 0;
  const limit = new Set(limits).size === 1 ? limits[0]! : null;
  const ages = found.flatMap(({ goodAtMs }) => (goodAtMs === null ? [] : [nowMs - goodAtMs]));
  const oldest = hours(Math.max(0, ...ages));
  // Several configurations may have an account; each that has it overdue is listed.
  const accounts = new Set(found.map(({ account }) => account)).size;
  const lateAccounts = new Set(overdue.map(({ account }) => account)).size;
  const late = `${lateAccounts} of ${accounts} accounts without a good snapshot`;
  const fine = `${accounts} accounts, ${ages.length === 0 ? 'no snapshot yet' : `the oldest good snapshot is ${oldest} h old`}`;
  const first =
    overdue.length > 0 ? `${late} ${limit === null ? 'within their limits' : `for ${limit} h`}` : fine;
  const summary = [...(found.length === 0 && unseen.length > 0 ? [] : [first]), ...warnings].join('; ');
  const figures = [
    `overdue=${lateAccounts};;0`,
    `oldest=${oldest}h${limit === null ? '' : `;;${limit}`}`,
    `accounts=${accounts}`,
  ];
  output.line(`HOLDFAST ${words[status]} - ${summary} | ${figures.join(' ')}`);
  for (const one of overdue.slice(0, shownAccounts)) output.line(describe(one, nowMs));
  if (overdue.length > shownAccounts) output.line(`and ${overdue.length - shownAccounts} more`);
  output.document<StatusCheckDocument>({
    status: words[status]!,
    limitHours: configuration.alertAfterHours,
    accounts,
    overdue: overdue.map(({ addin, account, domain, limitHours, goodAtMs, lacking }) => ({
      addin,
      account,
      domain,
      limitHours,
      lastGoodAt: goodAtMs === null ? null : new Date(goodAtMs).toISOString(),
      lacking: [...lacking],
    })),
    warnings,
  });
  return status;
}

/**
 * What `look` finds; exported for its test.
 *
 * @param look says `begun` when the store has answered, and then takes as long as it does
 * @throws STORE_UNAVAILABLE it has not within that time; what it does later is lost
 */
export async function answered<T>(
  context: CliContext,
  allowedMs: number,
  look: (within: CliContext, begun: () => void) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const silence = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const message = `the store has given no answer within ${Math.round(allowedMs / 1000)} s`;
    silence.reject(new HoldfastError('STORE_UNAVAILABLE', message));
    stop.abort();
  }, allowedMs);
  try {
    const within = { ...context, signal, world: { ...context.world, signal } };
    return await Promise.race([look(within, () => clearTimeout(timer)), silence.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** @throws USAGE a copy is one of a single configuration, and standard input can be read once */
function chooseAddins(
  configuration: Parameters<typeof chooseAddin>[0],
  { addin, copy, identity, passphraseFile }: StatusChoice,
): Parameters<typeof chooseAddin>[0]['addins'] {
  const one = addin !== undefined || copy !== undefined || identity === '-' || passphraseFile === '-';
  if (one || configuration.addins.length <= 1)
    return [chooseAddin(configuration, addin as string | undefined)];
  return configuration.addins.filter(({ name }) => !rests(name, configuration));
}

const doubtsText = (doubts: readonly Doubt[]): string =>
  `${plural(doubts.length, 'snapshot')} damaged or not trusted, see holdfast verify: ${doubts[0]!.message}`;

const anewText = ([first, ...others]: readonly string[]): string =>
  `the directory of ${printable(first!)}${others.length > 0 ? ` and ${others.length} more` : ''} no longer carries its UUID, see holdfast doctor`;

const hours = (ms: number): string => (ms / hourMs).toFixed(1);
const line = (text: string): string => printable(text, 500).replaceAll('|', '\\u{7c}');

function describe({ addin, account, domain, goodAtMs, lacking }: Found, nowMs: number): string {
  const last = goodAtMs === null ? 'no good snapshot' : `last good ${hours(nowMs - goodAtMs)} h ago`;
  const without = lacking.length === 0 ? '' : `; not good of late: ${lacking.join(', ')}`;
  return line(`${addin}: ${account}${domain === null ? '' : ` (${domain})`}: ${last}${without}`);
}
