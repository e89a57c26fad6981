/** `restore --json`, and `restore --dry-run --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { count, counts, document, list, record, text, texts } from './schema.ts';
import { failedComponent, warningItem } from './snapshot.ts';

const failure = record('A failure.', {
  path: text('Path in the snapshot, as --path-percent takes it.'),
  message: text('What happened.'),
});

export const restoreDocument = document('restore', 'What a restore did.', {
  snapshot: text('Id of the snapshot.'),
  target: text('Directory it was restored to.'),
  exitStatus: count('Status of the process.'),
  entries: count('Entries restored.'),
  bytes: count('Plain bytes written.'),
  kept: count('Entries that --resume found already there.'),
  failedComponents: list('What a partial snapshot lacks.', failedComponent),
  databaseFiles: texts('Files of the databases, below the target.'),
  warnings: list('The first thousand warnings.', warningItem),
  warningCounts: counts('All warnings, counted by code.'),
  failures: list('What could not be restored, at most a thousand.', failure),
  failureCount: count('All failures.'),
});

export const restorePlanDocument = document('restore-plan', 'What a restore would do; nothing was written.', {
  snapshot: text('Id of the snapshot.'),
  target: text('Directory it would be restored to.'),
  entries: count('Entries to restore.'),
  bytes: count('Plain bytes of files.'),
  databases: texts('Databases to restore.'),
  failedComponents: list('What a partial snapshot lacks.', failedComponent),
  failures: list('Trees that cannot be restored, since their index is lost.', failure),
});

export type RestoreDocument = FromSchema<typeof restoreDocument>;
export type RestorePlanDocument = FromSchema<typeof restorePlanDocument>;
