/** `schedule --json` and `hooks --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import {
  choice,
  count,
  countOrNull,
  document,
  flag,
  instant,
  instantOrNull,
  list,
  record,
  recordOrNull,
  text,
  textOrNull,
  texts,
} from './schema.ts';

export const pastRun = {
  id: text('Its twelve hex digits.'),
  level: text('What it was to write.'),
  scheduled: flag('The schedule began it.'),
  startedAt: instant('When it began.'),
  endedAt: instant('When it ended.'),
  exitStatus: count('Its exit status.'),
  accounts: count('Accounts it was to back up.'),
  snapshots: count('Snapshots it committed.'),
  partial: count('Those of them that lack a component.'),
  failed: count('Accounts without a snapshot.'),
};

export const scheduleDocument = document('schedule', 'When backups run by themselves.', {
  runner: choice('What runs them on this host, as far as can be seen.', 'daemon', 'timer', 'cron', 'nothing'),
  daemonPid: countOrNull('Process number of the daemon, or null.'),
  paused: flag('Everything is paused.'),
  schedules: list(
    'In the order of the configuration.',
    record('One line of a schedule.', {
      addin: text('Name of the addin configuration.'),
      level: text('What it writes.'),
      cron: text('When.'),
      timeZone: text('Whose clock counts.'),
      window: textOrNull('In which hours it may begin.'),
      randomDelayMinutes: count('How much later it may begin.'),
      paused: flag('It, or everything, is paused.'),
      next: texts('Instants at which it begins next, were nothing in the way.'),
      owedSince: instantOrNull('A time that has passed and still waits for its run, or null.'),
      last: recordOrNull('The last scheduled run of the addin configuration, or null.', pastRun),
    }),
  ),
});

export const installDocument = document('schedule-install', 'What runs the schedules from now on.', {
  kind: choice('How.', 'daemon', 'timer', 'cron'),
  written: flag('The files were written; false with --print.'),
  files: list(
    'The files.',
    record('A file.', { path: text('Where it belongs.'), text: text('What it holds.') }),
  ),
  commands: texts('What remains to be called.'),
});

export const uninstallDocument = document(
  'schedule-uninstall',
  'What no longer runs the schedules of a configuration.',
  {
    removed: flag('What is ours was removed; false with --print.'),
    files: list(
      'The files of schedule install and the links to them that were found.',
      record('A file.', {
        path: text('Where it lies, or lay.'),
        why: textOrNull('Why it stays, or null: it goes.'),
      }),
    ),
    commands: texts('What remains to be called.'),
  },
);

export const hooksDocument = document(
  'hooks',
  'The hooks of the configuration, or how they did when tried.',
  {
    hooks: list(
      'In their order.',
      record('A hook.', {
        on: text('When it runs.'),
        command: texts('Program and arguments.'),
        timeoutSeconds: count('How long it may take.'),
        onFailure: choice('What a failure means.', 'stop', 'warn', 'ignore'),
        addins: texts('Addin configurations it is for; none means all.'),
        failure: textOrNull('Why it failed when tried; null where it did well or was not tried.'),
        output: textOrNull('What it said when tried.'),
      }),
    ),
  },
);

export type ScheduleDocument = FromSchema<typeof scheduleDocument>;
export type UninstallDocument = FromSchema<typeof uninstallDocument>;
export type InstallDocument = FromSchema<typeof installDocument>;
export type HooksDocument = FromSchema<typeof hooksDocument>;
