/** `verify --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { leftOut } from './left-out.ts';
import { choice, count, document, flag, list, record, text, textOrNull } from './schema.ts';

export const verifyDocument = document('verify', 'Whether snapshots can be restored.', {
  addin: text('Name of the addin configuration whose store was read.'),
  readData: flag('Every byte was read; otherwise the structure was checked.'),
  exitStatus: count('Status of the process.'),
  objectsChecked: count('Objects looked at.'),
  bytesRead: count('Bytes read from the store.'),
  pruned: count('Snapshots that prune removed after they were listed: left out.'),
  snapshots: list(
    'Each with its problems.',
    record('A snapshot.', {
      id: textOrNull('Id of the snapshot; null where its manifest cannot be read.'),
      key: text('Key of its manifest.'),
      state: choice('`partial` where a component failed when it was made.', 'complete', 'partial', null),
      locked: flag(
        'Encrypted, and no identity was given: only stored objects were checked, their bytes with `--read-data`.',
      ),
      erased: flag(
        'The account was erased, so that nobody can read it: nothing of its contents was checked.',
      ),
      lost: count('Paths that `repair` has marked as lost: they are no problems.'),
      problems: list(
        'Empty where it can be restored whole, but for what is marked as lost.',
        record('A problem.', {
          object: textOrNull('Key of the object at fault.'),
          component: textOrNull('Tree or database that suffers.'),
          path: textOrNull('Path that suffers, as restore --path-percent takes it.'),
          message: text('What is wrong.'),
        }),
      ),
    }),
  ),
  histories: list(
    'Breaks in the histories of accounts, and events that do not count; always empty where a single snapshot was verified.',
    record('A break.', {
      server: text('UUID of the server.'),
      owner: text('UUID of the account.'),
      snapshot: textOrNull(
        'Id of the snapshot after the break, or before it where the newest are lost; null for what is no snapshot.',
      ),
      kind: choice(
        'Snapshots before it are missing, it does not follow them, the last that this server made is gone, an event is not trusted, or one is damaged, a name is none of ours, or a key object is none.',
        'gap',
        'previous',
        'lost',
        'event',
        'damaged-event',
        'name',
        'key',
      ),
      message: text('What is wrong.'),
    }),
  ),
  companions: list(
    'What is wrong with the files for a restore without Holdfast; empty where a single snapshot was verified.',
    record('A file.', { name: text('Its key in the store.'), message: text('What is wrong.') }),
  ),
  leftOut,
});

export type VerifyDocument = FromSchema<typeof verifyDocument>;
