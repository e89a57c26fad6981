/** `addin list --json` and `addin validate --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { choice, count, document, flag, list, record, text, textOrNull, texts } from './schema.ts';

const problem = record('A problem.', {
  file: text('Path of the file.'),
  pointer: text('JSON pointer of the value at fault; empty for the whole document.'),
  message: text('What is wrong.'),
  hint: text('What to do.'),
});

export const addinsDocument = document('addins', 'Installed addins and the configurations that use them.', {
  addins: list(
    'What can stand in `use`.',
    record('An addin.', {
      kind: choice('What it contributes.', 'notifier', 'panel', 'provider', 'scope', 'store'),
      name: text('What `use` says.'),
      version: text('Its version.'),
      contract: count('Version of the contract it was written for.'),
      summary: textOrNull('What it does.'),
      levels: texts('Levels a provider can write; empty for the rest.'),
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
