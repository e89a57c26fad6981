/** `restore latest --all --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { leftOut } from './left-out.ts';
import { count, counts, document, list, record, text, textOrNull } from './schema.ts';
import { failedComponent } from './snapshot.ts';

export const restoreAllDocument = document('restore-all', 'What a restore of all accounts did.', {
  target: text('Directory that holds one directory per account.'),
  exitStatus: count('Status of the process: that of the worst account.'),
  accounts: list(
    'One for each account.',
    record('An account.', {
      snapshot: text(
        'Id of its newest snapshot; of the one that it was begun with where `--resume` went on.',
      ),
      exitStatus: count('Status of this account.'),
      entries: count('Entries restored.'),
      bytes: count('Plain bytes written.'),
      failureCount: count('Entries that could not be restored.'),
      warningCounts: counts('Warnings, counted by code.'),
      failedComponents: list('What a partial snapshot lacks.', failedComponent),
      error: textOrNull('Why it could not be restored at all.'),
    }),
  ),
  damaged: list(
    'Manifests that cannot be read.',
    record('A manifest.', { path: text('Its key.'), message: text('What is wrong.') }),
  ),
  erased: list(
    'Accounts that were erased, and not backed up since: no failure.',
    record('An account.', {
      owner: text('Its UUID.'),
      at: text('When, as the erasure says.'),
      reason: text('Why, as it says.'),
    }),
  ),
  leftOut,
});

export type RestoreAllDocument = FromSchema<typeof restoreAllDocument>;
