/** `compact --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { choice, count, document, flag, list, number, record, text, textOrNull, texts } from './schema.ts';

export const compactDocument = document(
  'compact',
  'Objects of which little is still referred to, and what was rewritten of them.',
  {
    addin: text('Name of the addin configuration whose store was compacted.'),
    server: text('UUID of the server whose snapshots were looked at.'),
    applied: flag('Rewriting was asked for; otherwise nothing was changed.'),
    exitStatus: count('Status of the process.'),
    threshold: number('An object is rewritten where a smaller share of it is alive.'),
    accountsSeen: count('Accounts that were looked at.'),
    budgetSpent: flag('More was worth rewriting than --max-bytes lets; the next run goes on.'),
    accounts: list(
      'Accounts with something to rewrite, or with a problem.',
      record('An account.', {
        account: text('Site of the account at the time of its newest snapshot.'),
        owner: text('UUID of the account.'),
        objects: list(
          'The sparsest first.',
          record('An object.', {
            key: text('Its key in the store.'),
            kind: choice('What it holds.', 'segment', 'index'),
            storedBytes: count('Its size as stored.'),
            liveShare: number('Share of it that snapshots still refer to, from 0 to 1.'),
            rewriteBytes: count('Bytes of it that go into new objects, before compression.'),
          }),
        ),
        stuck: texts('Keys of others that could not be rewritten; the problem says why.'),
        savedBytes: count(
          'About what the store holds less in the end, with new objects and indexes taken off.',
        ),
        snapshots: texts('Ids of the snapshots that name one of them.'),
        published: texts('Ids of those that have a new revision now.'),
        written: record('New objects.', {
          objects: count('How many.'),
          bytes: count('Their bytes as stored.'),
        }),
        problem: textOrNull('Why not all was rewritten; null where it was.'),
      }),
    ),
    locked: texts(
      'Sites (UUIDs where nobody knows) of accounts another job was working on; their turn comes with the next run.',
    ),
  },
);

export type CompactDocument = FromSchema<typeof compactDocument>;
