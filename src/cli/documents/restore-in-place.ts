/** `restore --in-place --json`, and with `--dry-run` one line for each thing that would happen. */

import type { FromSchema } from 'json-schema-to-ts';
import { choice, count, counts, document, list, record, text, textOrNull, texts } from './schema.ts';
import { failedComponent, warningItem } from './snapshot.ts';

export const restoreInPlaceDocument = document('restore-in-place', 'What a restore in place did.', {
  snapshot: text('Id of the snapshot.'),
  site: text('The account, as the panel names it now.'),
  trees: texts('Trees that were restored, wholly or in part.'),
  leftDatabases: texts(
    'Databases of the snapshot that stay as they are, since neither --path nor --database was given.',
  ),
  exitStatus: count('Status of the process.'),
  failedComponents: list('What a partial snapshot lacks.', failedComponent),
  actions: record('Paths by what happened to them.', {
    create: count('Nothing was there.'),
    replace: count('Something else, or a file that must not be edited, was there.'),
    content: count('The content was another.'),
    metadata: count('Owner, mode, attributes or time were others.'),
    link: count('Made another name of a file again.'),
    delete: count('Not in the snapshot; with --delete.'),
  }),
  untouched: count('Entries that were as they should be.'),
  bytes: count('Plain bytes written.'),
  warnings: list('The first thousand warnings.', warningItem),
  warningCounts: counts('All warnings, counted by code.'),
  failures: list(
    'What could not be restored, at most a thousand.',
    record('A failure.', {
      path: text('Path in the snapshot, as --path-percent takes it.'),
      message: text('What happened.'),
    }),
  ),
  failureCount: count('All failures, with what lies below directories that are listed alone.'),
});

export const restoreActionDocument = document(
  'restore-in-place-action',
  'One line of restore --in-place --dry-run: what would happen to a path.',
  {
    action: choice(
      'What would happen; `fail`: it should be restored and cannot be.',
      'create',
      'replace',
      'content',
      'metadata',
      'link',
      'delete',
      'fail',
    ),
    path: text('Path in the snapshot; begins with the tree.'),
    pathEncoding: choice('`percent` where the path is percent-encoded.', 'percent', null),
    bytes: count('Plain bytes that would be written.'),
    message: textOrNull('Why it cannot be restored, else null.'),
  },
);

export type RestoreInPlaceDocument = FromSchema<typeof restoreInPlaceDocument>;
export type RestoreActionDocument = FromSchema<typeof restoreActionDocument>;
