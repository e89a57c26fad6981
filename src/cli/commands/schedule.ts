/** `holdfast schedule`: when backups run by themselves; pausing, resuming, and installing or removing what runs them. */

import { chmod, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Argument, Option } from 'commander';
import { nextTime } from '../../core/calendar/cron.ts';
import { HoldfastError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import {
  beginsAt,
  dueAt,
  type ItemState,
  itemsOf,
  type ScheduleItem,
  settle,
} from '../../core/schedule/schedule.ts';
import { isPaused, readPauses, readStates, setPause } from '../../core/schedule/schedule-file.ts';
import { pastRuns } from '../../core/state/run-history.ts';
import type { CliCommand, CliContext } from '../command.ts';
import { chooseAddin, loadConfigured } from '../configuration.ts';
import type { InstallDocument, ScheduleDocument, UninstallDocument } from '../documents/schedule.ts';
import { ageText } from '../format.ts';
import { openStateIfAny } from '../opened.ts';
import { afterwards, installedFiles, removeInstalled } from '../runs/installed-units.ts';
import { describePastRun } from '../runs/past-run.ts';
import { ourselves } from '../runs/run-process.ts';
import { runnerOf } from '../runs/runner.ts';
import { type InstallKind, unitFiles } from '../runs/units.ts';

const actions = ['show', 'pause', 'resume', 'install', 'uninstall'] as const;

interface Options {
  readonly addin?: string;
  readonly as: InstallKind;
  readonly print?: true;
}

export const schedule: CliCommand<Options> = {
  exits: ['PREREQUISITE_MISSING', 'FINISHED_WITH_WARNINGS'],

  define(command) {
    command
      .addArgument(new Argument('[action]', 'what to do').choices([...actions]).default('show'))
      .option('--addin <name>', 'only this addin configuration')
      .addOption(
        new Option('--as <kind>', 'install: a service that always runs, a systemd timer, or a line for cron')
          .choices(['daemon', 'timer', 'cron'])
          .default('daemon'),
      )
      .option('--print', 'install, uninstall: show the files, change nothing')
      .addHelpText(
        'after',
        '\nA pause stops no run that is under way. What passes meanwhile is made good by one run after resume.\nuninstall removes what install has written for this configuration, whichever kind it is; what others wrote stays, and the\nstatus is 100. Without an action it is 100 where something is scheduled and nothing runs it.',
      );
  },

  async run(context, { args, options }) {
    const [action] = args;
    if (action === 'install') return install(context, options);
    if (action === 'uninstall') return uninstall(context, options);
    if (action === 'show') return show(context, options.addin);
    const { configuration } = await loadConfigured(context.configDir);
    const name = options.addin;
    const addin = name === undefined ? null : chooseAddin(configuration, name).name;
    const paused = action === 'pause';
    const now = await setPause(configuration.stateDir, { addin, paused, nowMs: context.world.now() });
    if (addin === null || paused || !isPaused(now, addin))
      context.output.info(`${addin ?? 'every schedule'} is ${paused ? 'paused' : 'resumed'}`);
    else
      context.output.note(
        `note: ${addin} has no pause of its own any more, and stays paused as everything is; holdfast schedule resume ends that`,
      );
    return show(context, name);
  },
};

const giveTime = "give backups a time, as in holdfast scope set backups.schedule '0 3 * * *'";

async function show(context: CliContext, name: string | undefined): Promise<number> {
  const { output, world, configDir } = context;
  const { configuration } = await loadConfigured(configDir);
  const { stateDir } = configuration;
  const chosen = name === undefined ? configuration.addins : [chooseAddin(configuration, name)];
  const items = itemsOf(chosen);
  const nowMs = world.now();
  const states = settle(items, await readStates(stateDir), nowMs);
  const pauses = await readPauses(stateDir);
  const seed = (await openStateIfAny(configuration, world))?.server.uuid ?? '';
  const { kind, pid } = runnerOf(configuration);
  const schedules = await Promise.all(
    items.map(async (item) => {
      const { addin, level, cron, zone, randomDelayMs } = item;
      const due = dueAt(item, states[item.key]!, seed);
      const [last] = await pastRuns(stateDir, { addin, scheduled: true, limit: 1, nowMs });
      return {
        addin,
        level,
        cron,
        timeZone: zone,
        window: configuration.addins.find((one) => one.name === addin)?.window ?? null,
        randomDelayMinutes: randomDelayMs / 60_000,
        paused: isPaused(pauses, addin),
        next: nextRuns(item, states[item.key]!, { nowMs, seed }).map(iso),
        owedSince: due === null || due > nowMs ? null : iso(due),
        last: last === undefined ? null : describePastRun(last),
      };
    }),
  );
  output.table(
    [
      { title: 'ADDIN' },
      { title: 'LEVEL' },
      { title: 'CRON' },
      { title: 'ZONE', shrinks: true },
      { title: 'WINDOW' },
      { title: 'NEXT (UTC)' },
      { title: 'LAST', align: 'right' },
    ],
    schedules.map((one) => [
      one.addin,
      one.level,
      one.cron,
      one.timeZone,
      one.window ?? '-',
      one.paused
        ? 'paused'
        : one.owedSince !== null && one.next[0] === iso(nowMs)
          ? 'now'
          : (one.next[0] ?? 'never').slice(0, 16).replace('T', ' '),
      one.last === null
        ? 'never'
        : `${ageText(nowMs - Date.parse(one.last.startedAt))} (${one.last.exitStatus})`,
    ]),
  );
  const idle = kind === 'nothing' && schedules.length > 0;
  if (schedules.length === 0) output.info('nothing is scheduled');
  if (!configuration.steering.enabled)
    output.note('note: the scope backups.enabled is false, so nothing runs');
  else if (schedules.length === 0) output.note(`note: ${giveTime}`);
  else if (kind === 'daemon') output.info(`process ${pid} runs them`);
  else if (!idle) output.info(`the ${kind === 'cron' ? 'line for cron' : 'systemd timer'} runs them`);
  else output.note('note: nothing runs them; call holdfast schedule install, or start holdfast serve');
  const paused = pauses.allSinceMs !== null;
  output.document<ScheduleDocument>({ runner: kind, daemonPid: pid, paused, schedules });
  return idle ? 100 : 0;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const shownRuns = 3;

/** The first is the one that is owed, if one is; windows and delays included. */
function nextRuns(
  item: ScheduleItem,
  state: ItemState,
  { nowMs, seed }: { nowMs: number; seed: string },
): number[] {
  const found: number[] = [];
  let doneThroughMs = state.doneThroughMs;
  let owed = state;
  while (found.length < shownRuns) {
    const due = dueAt(item, owed, seed);
    if (due === null) break;
    const begins = beginsAt(item, due, nowMs);
    if (found.at(-1) !== begins) found.push(begins);
    doneThroughMs = Math.max(begins, nextTime(item.times, item.zone, doneThroughMs) ?? begins);
    owed = { doneThroughMs, begun: null };
  }
  return found;
}

/** @throws PREREQUISITE_MISSING a file cannot be written */
async function install({ output, configDir }: CliContext, { as: kind, print }: Options): Promise<number> {
  const { configuration } = await loadConfigured(configDir);
  const files = unitFiles(kind, { command: ourselves(), configDir: configuration.dir });
  const unit = kind === 'timer' ? 'holdfast.timer' : 'holdfast.service';
  const commands = kind === 'cron' ? [] : ['systemctl daemon-reload', `systemctl enable --now ${unit}`];
  for (const { path, text, mode } of files) {
    if (print === true) {
      output.line(`# ${path}`);
      for (const line of text.trimEnd().split('\n')) output.line(line);
      continue;
    }
    try {
      await writeFile(path, text, { mode });
      await chmod(path, mode);
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code;
      throw new HoldfastError('PREREQUISITE_MISSING', `cannot write ${path}: ${code}`, {
        cause,
        hint:
          kind === 'cron'
            ? 'Install cron, or choose another kind.'
            : 'Choose --as cron where there is no systemd.',
      });
    }
    output.info(`wrote ${printable(path, 4096)}`);
  }
  if (print !== true) for (const command of commands) output.info(`now call: ${command}`);
  if (itemsOf(configuration.addins).length === 0) output.note(`note: nothing is scheduled yet; ${giveTime}`);
  output.document<InstallDocument>({
    kind,
    written: print !== true,
    files: files.map(({ path, text }) => ({ path, text })),
    commands,
  });
  return 0;
}

/** Needs no configuration that can be read: it may be gone already. @throws PREREQUISITE_MISSING a file cannot be removed */
async function uninstall(
  { output, configDir }: CliContext,
  { print }: Pick<Options, 'print'>,
): Promise<number> {
  const removed = print !== true;
  const files = await installedFiles(resolve(configDir));
  if (removed) await removeInstalled(files);
  const gone = files.flatMap(({ path, why }) => (why === null ? [path] : []));
  for (const path of gone) output.info(`${removed ? 'removed' : 'would remove'} ${path}`);
  for (const { path, why } of files) if (why !== null) output.note(`note: ${path} stays: ${why}`);
  if (files.length === 0) output.info('nothing is installed');
  const commands = afterwards(gone);
  if (removed) for (const command of commands) output.info(`now call: ${command}`);
  output.document<UninstallDocument>({ removed, files: files.map((one) => ({ ...one })), commands });
  return files.length === gone.length ? 0 : 100;
}
