/**
 * `status --check`: one line and an exit status, as monitoring plugins have them.
 *
 * 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN: an error of ours is UNKNOWN, never its own status, unless something else is
 * CRITICAL.
 */

import type { Configuration } from '../../core/config/load-configuration.ts';
import { rests } from '../../core/config/policy.ts';
import { HoldfastError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { readPauses } from '../../core/schedule/schedule-file.ts';
import { showProblem } from '../../core/settings/problems.ts';
import { knownRuns } from '../../core/state/run-records.ts';
import { knownError } from '../../core/system-error.ts';
import type { CliContext } from '../command.ts';
import { chooseAddin, loadUnheard } from '../configuration.ts';
import type { StatusCheckDocument } from '../documents/status-check.ts';
import { plural } from '../format.ts';
import type { Doubt } from '../judged-snapshots.ts';
import { type StoreChoice, withStore } from '../store-session.ts';
import { interruptedText } from './interrupted.ts';
import { agesOf, type Suspect } from './overdue.ts';
import { runnerOf } from './runner.ts';
import { type Looked, line, tellStatus } from './status-line.ts';
import { failureText, tellingRun } from './telling-run.ts';

/** Monitoring waits for a minute, mostly, and stores are tried for as long: all that do not answer have half of it together. */
const patienceMs = 30_000;
const leastPatienceMs = 5000;
const hourMs = 3_600_000;

const textOf = (error: unknown): string => {
  const known = knownError(error);
  return known === null ? String(error) : `${known.code}: ${known.message}`;
};

/** What of the options of `status` says where to look. */
export type StatusChoice = Omit<StoreChoice, 'loaded' | 'needs' | 'readsPanel'>;

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
  const { world, configDir } = context;
  const loaded = await loadUnheard(configDir);
  const { configuration } = loaded;
  const chosen = chooseAddins(configuration, choice);
  const looked: Looked = {
    nowMs: world.now(),
    limits: chosen.map((addin) => addin.alertAfterHours ?? configuration.alertAfterHours),
    found: [],
    doubts: [],
    unseen: [],
    anew: new Set(),
    suspect: [],
  };
  for (const [index, { name: addin }] of chosen.entries()) {
    const allowedMs = Math.max(leastPatienceMs, patienceMs / chosen.length);
    try {
      const one = { ...choice, loaded, addin };
      await lookAt(context, one, { allowedMs, limitHours: looked.limits[index]!, looked });
    } catch (error) {
      // What is overdue elsewhere is told all the same.
      if (context.signal.aborted) throw error;
      looked.unseen.push(chosen.length === 1 ? textOf(error) : `${addin}: ${textOf(error)}`);
    }
  }
  // A copy that falls behind shows by its own snapshots; of the runs the others are told by a look at all of them.
  const failures = choice.copy === undefined ? await failuresOf(configuration, chosen, looked) : [];
  const others = await warningsOf(configuration, chosen, looked);
  const warnings = [...looked.unseen, ...others, ...failures];
  return tellStatus(context, { looked, warnings, limitHours: configuration.alertAfterHours });
}

/** Adds what the store of one configuration tells. */
function lookAt(
  context: CliContext,
  choice: StoreChoice,
  how: { readonly allowedMs: number; readonly limitHours: number; readonly looked: Looked },
): Promise<void> {
  const { allowedMs, limitHours, looked } = how;
  return answered(context, allowedMs, (within, begun) =>
    withStore(within, { ...choice, needs: 'any' }, async (session) => {
      begun();
      const { name } = session.addin;
      const ages = await agesOf(session, { limitMs: limitHours * hourMs, nowMs: looked.nowMs });
      for (const age of ages.accounts) looked.found.push({ ...age, addin: name, limitHours });
      looked.doubts.push(...ages.doubts);
      for (const site of ages.anew) looked.anew.add(site);
      looked.suspect.push(...ages.suspect);
    }),
  );
}

/** What else is not as it should be, in the order in which it is told. */
async function warningsOf(
  configuration: Configuration,
  chosen: Configuration['addins'],
  { doubts, anew, suspect }: Looked,
): Promise<string[]> {
  const { steering, stateDir, faults } = configuration;
  const warnings = faults.map(showProblem);
  if (!steering.enabled) warnings.push('backups are switched off by the scope backups.enabled');
  if (doubts.length > 0) warnings.push(doubtsText(doubts));
  if (anew.size > 0) warnings.push(anewText([...anew]));
  const [first, ...others] = suspect;
  if (first !== undefined) warnings.push(suspectText([first, ...others]));
  const scheduled = chosen.filter(({ schedule }) => schedule.length > 0).map((one) => one.name);
  if (scheduled.length > 0 && runnerOf(configuration).kind === 'nothing')
    warnings.push('nothing runs the schedules');
  const pauses = await readPauses(stateDir);
  const paused = scheduled.filter((one) => pauses.allSinceMs !== null || one in pauses.addins);
  if (paused.length > 0) warnings.push(`paused: ${paused.join(', ')}`);
  const names = new Set(chosen.map((one) => one.name));
  for (const run of await knownRuns(stateDir)) {
    if (run.silent && names.has(run.addin)) warnings.push(interruptedText(run));
  }
  return warnings;
}

/** Of each configuration whose last run failed, its copies and its upkeep included. */
async function failuresOf(
  { stateDir }: Configuration,
  chosen: Configuration['addins'],
  { found, nowMs }: Looked,
): Promise<string[]> {
  const failures: string[] = [];
  for (const { name } of chosen) {
    const accounts = found.filter(({ addin }) => addin === name).length;
    const failure = failureText(await tellingRun(stateDir, name, { accounts, nowMs }), nowMs);
    if (failure !== null) failures.push(`${failure}; see holdfast status`);
  }
  return failures;
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
  configuration: Configuration,
  { addin, copy, identity, passphraseFile }: StatusChoice,
): Configuration['addins'] {
  const one = addin !== undefined || copy !== undefined || identity === '-' || passphraseFile === '-';
  if (one || configuration.addins.length <= 1)
    return [chooseAddin(configuration, addin as string | undefined)];
  return configuration.addins.filter(({ name }) => !rests(name, configuration));
}

const doubtsText = (doubts: readonly Doubt[]): string =>
  `${plural(doubts.length, 'snapshot')} damaged, missing or not trusted, see holdfast verify: ${doubts[0]!.message}`;

/** One of an account says enough: a wiped one has shrunk and changed unusually much. */
function suspectText([first, ...others]: readonly [Suspect, ...Suspect[]]): string {
  const { account, code, message } = first;
  const more = new Set(others.map((one) => one.account).filter((one) => one !== account)).size;
  const too = more > 0 ? `, and that of ${plural(more, 'account')} more` : '';
  return `the newest snapshot of ${printable(account)} looks wrong${too}: ${code}: ${message}`;
}

const anewText = ([first, ...others]: readonly string[]): string =>
  `the directory of ${printable(first!)}${others.length > 0 ? ` and ${others.length} more` : ''} no longer carries its UUID, see holdfast doctor`;
