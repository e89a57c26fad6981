/** `repair --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { count, document, flag, list, record, recordOrNull, text, textOrNull, texts } from './schema.ts';

export const repairDocument = document(
  'repair',
  'Damage in a store, and what was or would be done about it.',
  {
    addin: text('Name of the addin configuration whose store was looked at, with /NAME that of a copy.'),
    server: text('UUID of the server whose snapshots were looked at.'),
    applied: flag('Mending was asked for; otherwise nothing was changed.'),
    exitStatus: count('Status of the process.'),
    snapshotsSeen: count('Snapshots that were looked at.'),
    untrusted: count('Of these, those that nobody signed who is trusted here; they were left alone.'),
    erased: count('Of these, those of erased accounts, which nobody can read; prune removes them.'),
    unread: count(
      'Of these, those that are encrypted, where no identity was given or none opens them: their objects were looked at and fetched, nothing of them was marked or made again.',
    ),
    storeFile: recordOrNull('holdfast.json, where it was lost or damaged; null where it is whole.', {
      problem: text('What is wrong with it.'),
      store: text('Id of the store, which it says again.'),
      mended: flag('It was written again.'),
    }),
    objects: list(
      'Manifests, key objects and other objects that are missing or not as they were written.',
      record('An object.', {
        key: text(
          'Its key in the store; where the key that a snapshot needs is gone and no copy has it, that of the manifest; where no identity given opens it, or manifests are missing that no copy has, the prefix of those of the account.',
        ),
        owner: text('UUID of the account that refers to it.'),
        problem: text('What is wrong with it.'),
        copy: textOrNull(
          'Name of the copy that has it whole, or with --copy "main", the main store; null where none that answers has.',
        ),
        mended: flag('It was taken from there and is whole again.'),
      }),
    ),
    snapshots: list(
      'Snapshots that lost something for good, that have it again, whose index can be made again, or whose last revision is damaged.',
      record('A snapshot.', {
        id: text('Id of the snapshot.'),
        rebuilt: flag('Its index is made again from its segments; its files are lost where segments are.'),
        broughtBack: flag('It had lost something, and all of that is there again.'),
        replaced: flag(
          'A later revision is damaged, and no copy has that: a new one says what the one before it says, all of which is whole.',
        ),
        components: texts('Trees and databases of which something is lost.'),
        lostPaths: count('How many paths are lost.'),
        paths: texts('The first of them, percent-encoded.'),
        unnamed: count('How many of those that are lost nobody can name, as no list of them is left.'),
        published: flag('A new revision says so.'),
      }),
    ),
    leftovers: texts('Folders of trial objects that killed runs left: to be removed, or removed.'),
    unasked: list(
      'Copies that could not be asked, or with --copy the main store: while there are any, nothing counts as lost.',
      record('A copy.', { copy: text('Its name.'), message: text('Why it could not be asked.') }),
    ),
    locked: texts(
      'Sites (UUIDs where nobody knows) of accounts another job was working on; their turn comes with the next run.',
    ),
  },
);

export type RepairDocument = FromSchema<typeof repairDocument>;
