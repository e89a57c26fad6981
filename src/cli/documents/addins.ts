/** `addin list --json` and `addin validate --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { refusalReasons } from '../../core/packages/refusal.ts';
import {
  choice,
  count,
  countOrNull,
  document,
  flag,
  instant,
  list,
  record,
  recordOrNull,
  text,
  textOrNull,
  texts,
} from './schema.ts';

const problem = record('A problem.', {
  file: text('Path of the file.'),
  pointer: text('JSON pointer of the value at fault; empty for the whole document.'),
  message: text('What is wrong.'),
  hint: text('What to do.'),
});

const permissions = recordOrNull('What a package asks for; null for what comes with Holdfast.', {
  network: {
    description: 'true: whatever its settings name; false: none; else these hosts and ports.',
    anyOf: [{ type: 'boolean' }, { type: 'array', items: { type: 'string' } }],
  },
  programs: texts('Programs that it starts.'),
  paths: texts('Files and directories outside its package.'),
});

const verification = recordOrNull('How the last addin verify ended; null where there was none.', {
  at: instant('When it ended.'),
  sound: flag('No check failed.'),
  checks: count('Checks that ran.'),
  failed: count('Those that failed.'),
  version: text('Version of the addin then.'),
  current: flag('That is the version and the contract which is installed now.'),
  holdfast: text('Version of Holdfast whose checks they were.'),
});

export const addinsDocument = document('addins', 'Installed addins and the configurations that use them.', {
  addins: list(
    'What can stand in `use`, and then what is refused.',
    record('An addin.', {
      kind: textOrNull(
        'What it contributes: notifier, panel, provider, scope or store; null where a package is refused as a whole. A refused one may say anything.',
      ),
      name: textOrNull('What `use` says; null where a package is refused as a whole.'),
      version: textOrNull('Its version.'),
      contract: countOrNull('Version of the contract it was written for.'),
      summary: textOrNull('What it does.'),
      levels: texts('Levels a provider can write; empty for the rest.'),
      from: textOrNull('Directory of its package, or how the configuration names it; null for ours.'),
      permissions,
      state: choice('Whether it can be used.', 'ok', 'refused'),
      reason: choice('Why it is refused, in a word.', ...refusalReasons, null),
      message: textOrNull('Why it is refused.'),
      hint: textOrNull('What to do about that.'),
      verification,
    }),
  ),
  configurations: list(
    'Those of addins.d, by name; empty where the configuration is not valid.',
    record('A configuration.', {
      name: text('What --addin takes.'),
      file: text('Where it stands.'),
      provider: text('Provider it uses.'),
      store: text('Store it uses.'),
      encrypted: flag('Its snapshots are encrypted.'),
    }),
  ),
  problems: list('What is wrong with the configuration.', problem),
});

export const validationDocument = document('validation', 'What is wrong with an addin configuration.', {
  file: text('Path of the file.'),
  valid: flag('Nothing is wrong with it.'),
  name: textOrNull('Name of the configuration, where it is valid.'),
  problems: list('All of them.', problem),
});

export type AddinsDocument = FromSchema<typeof addinsDocument>;
export type ValidationDocument = FromSchema<typeof validationDocument>;
