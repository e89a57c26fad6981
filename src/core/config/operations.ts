/**
 * Limits, hooks, notifiers and times of a configuration: their types with defaults filled in, and what
 * their schemas cannot say.
 */

import { createRequire } from 'node:module';
import { nextTime, parseCron } from '../calendar/cron.ts';
import { didYouMean } from '../near-matches.ts';
import { quoted } from '../printable.ts';
import type { ConfigProblem } from '../settings/problems.ts';
import { checkUse } from './check-use.ts';
import { type Installed, installed } from './installed.ts';
import type { AccountBudget, HookEvent, HookSettings, Limits, NotifySettings } from './operations-schema.ts';
import type { Upkeep } from './upkeep-schema.ts';

/** Of the server. */
export interface Operations {
  readonly limits: Limits;
  readonly hooks: readonly HookSettings[];
  readonly notify: readonly NotifySettings[];
  readonly alertAfterHours: number;
  readonly keepRunsDays: number;
}

/** Of one addin configuration. */
export interface Timing {
  /** Null: that of the server. */
  readonly timeZone: string | null;
  /** Null: that of the server. */
  readonly alertAfterHours: number | null;
  /** `HH:MM-HH:MM`; null: always. */
  readonly window: string | null;
  readonly randomDelayMinutes: number;
  readonly budget: AccountBudget | null;
  /** Null: somebody else calls prune and compact. */
  readonly upkeep: Upkeep | null;
}

type TimingDocument = { readonly [K in keyof Timing]?: Timing[K] | undefined };

export const operationsOf = (config: Operations): Operations => {
  const { limits, hooks, notify, alertAfterHours, keepRunsDays } = config;
  return { limits, hooks, notify, alertAfterHours, keepRunsDays };
};

export const timingOf = ({
  timeZone,
  alertAfterHours,
  window,
  randomDelayMinutes,
  budget,
  upkeep,
}: TimingDocument): Timing => ({
  timeZone: timeZone ?? null,
  alertAfterHours: alertAfterHours ?? null,
  window: window ?? null,
  randomDelayMinutes: randomDelayMinutes ?? 0,
  budget: budget ?? null,
  upkeep: upkeep ?? null,
});

export function operationsProblems(
  file: string,
  { hooks, notify }: Pick<Operations, 'hooks' | 'notify'>,
  { definitions, refused }: Installed,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [index, { command }] of hooks.entries()) {
    if (command[0]?.startsWith('/') === true) continue;
    const message = `must begin with the absolute path of a program, not ${quoted(command[0] ?? '')}`;
    const hint = 'Write the full path; there is no shell and no search path.';
    problems.push({ file, pointer: `/hooks/${index}/command/0`, message, hint });
  }
  for (const [index, settings] of notify.entries()) {
    const pointer = `/notify/${index}`;
    const { on, ...given } = settings;
    checkUse('notifier', given, pointer, { file, definitions, refused, problems });
    if (on === undefined || installed('notifier', settings.use, definitions)?.events === undefined) continue;
    const message = `is nothing that ${settings.use} takes`;
    problems.push({ file, pointer: `${pointer}/on`, message, hint: 'Remove "on".' });
  }
  return problems;
}

/**
 * What hooks name that no addin configuration is called, as sentences with what may have been meant. No problem of the
 * configuration: a file that is taken out of addins.d is no reason why nothing restores.
 */
export function strayHooks({
  hooks,
  addins: configured,
}: {
  readonly hooks: readonly HookSettings[];
  readonly addins: readonly { readonly name: string }[];
}): readonly { readonly on: HookEvent; readonly message: string; readonly hint: string }[] {
  const names = configured.map(({ name }) => name);
  return hooks.flatMap(({ on, addins = [] }) =>
    addins
      .filter((name) => !names.includes(name))
      .map((name) => {
        const message = `is for an addin configuration ${quoted(name)}, which there is not`;
        return { on, message, hint: didYouMean(name, names) ?? `There are: ${names.join(', ')}.` };
      }),
  );
}

export function timingProblems(
  file: string,
  {
    timeZone,
    window,
    schedule,
  }: TimingDocument & { readonly schedule: readonly { readonly cron: string }[] },
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [index, { cron }] of schedule.entries()) {
    const wrong = cronProblem(cron);
    if (wrong === null) continue;
    const hint = 'Write minute, hour, day of the month, month and day of the week, e.g. "0 3 * * *".';
    problems.push({ file, pointer: `/schedule/${index}/cron`, message: wrong, hint });
  }
  if (typeof timeZone === 'string' && !isTimeZone(timeZone)) {
    const message = `there is no time zone ${quoted(timeZone)}`;
    problems.push({ file, pointer: '/timeZone', message, hint: 'Name one such as Europe/Berlin or UTC.' });
  }
  const [from, to] = window?.split('-') ?? [];
  if (from !== undefined && from === to) {
    const message = 'begins and ends at the same time';
    problems.push({ file, pointer: '/window', message, hint: 'Leave it out to allow all of the day.' });
  }
  return problems;
}

/** What is wrong with a cron expression, or null. */
export function cronProblem(cron: string): string | null {
  const { parse, validateDetailed } = createRequire(import.meta.url)(
    'node-cron',
  ) as typeof import('node-cron');
  const { valid, errors } = validateDetailed(cron);
  if (!valid)
    return errors[0]?.message.replace('is a invalid', 'is no valid') ?? `${quoted(cron)} is no time`;
  const { dayOfMonth, dayOfWeek } = parse(cron);
  const words = [...dayOfMonth, ...dayOfWeek].filter((one) => typeof one === 'string');
  const isKnown = words.every((one) => dayWords.test(one));
  if (!isKnown || cron.trim().split(/ +/).length !== 5) return `${quoted(cron)} is not supported`;
  return nextTime(parseCron(cron), 'UTC', 0) === null ? `${quoted(cron)} is never due` : null;
}

/** The last day of the month, or the last of a weekday. */
const dayWords = /^[0-6]?L$/;

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
