/** `prune --json`, `pin --json` and `unpin --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import {
  choice,
  count,
  document,
  flag,
  instant,
  instantOrNull,
  list,
  record,
  text,
  textOrNull,
  texts,
} from './schema.ts';

const tally = (what: string) =>
  record(what, { count: count('How many.'), bytes: count('Their bytes as stored.') });

export const pruneDocument = document('prune', 'What retention lets go, or what prune removed.', {
  addin: text('Name of the addin configuration whose store was pruned.'),
  server: text('UUID of the server whose snapshots were looked at.'),
  applied: flag('Removal was asked for; otherwise nothing was changed.'),
  exitStatus: count('Status of the process.'),
  snapshots: list(
    'By account, oldest first.',
    record('A snapshot.', {
      id: text('Id of the snapshot.'),
      account: text('Site of the account at the time of its newest snapshot.'),
      owner: text('UUID of the account.'),
      sequence: count('Order of the account’s snapshots under this configuration, from 1.'),
      level: choice('What was stored anew.', 'full', 'differential', 'incremental'),
      state: choice('`partial` where a component failed.', 'complete', 'partial'),
      startedAt: instant('When the backup of the account began.'),
      action: choice('What retention says.', 'keep', 'remove'),
      removed: flag('It is gone.'),
      reasons: texts('Why, in plain words; the first decides.'),
    }),
  ),
  refusals: list(
    'Why not everything was done that retention says.',
    record('A refusal.', {
      rule: choice(
        'Which.',
        'share',
        'clock',
        'shrunk',
        'damaged-manifest',
        'changed',
        'unknown-plan',
        'forked',
        'gap',
      ),
      owner: textOrNull('UUID of the account it is about; null where it is about all.'),
      message: text('What prune found.'),
      hint: text('What to do, as one sentence.'),
    }),
  ),
  gaps: list(
    'Snapshots that are missing without a reason, where --accept-gaps takes them for lost; without it each is a refusal.',
    record('What is missing of an account.', {
      owner: text('UUID of the account.'),
      site: text('Its site.'),
      message: text('What is missing.'),
      accepted: flag('It counts as lost from now on.'),
    }),
  ),
  objects: tally('Data and index objects that nothing names: to be removed, or removed.'),
  removed: tally('Manifests and objects that are gone now.'),
  waiting: tally('Objects that nothing names and that the store has had for less than a day.'),
  untrusted: count('Snapshots that are not trusted: they stay, and none goes because of them.'),
  untrustedEvents: count('Pins, holds and erasures that do not count, since who signed them is not trusted.'),
  kept: record('Data and index objects that nothing names and that an object lock keeps for now.', {
    count: count('How many.'),
    bytes: count('Their bytes as stored.'),
    firstEndsAt: instantOrNull('When the first lock ends; null where nothing is locked.'),
    lastEndsAt: instantOrNull('When the last lock ends.'),
  }),
  denied: count('Manifests and objects the store refused to remove.'),
  locked: texts('Accounts another job was working on; their turn comes with the next run.'),
  unfinished: texts('Accounts for which an hour was not enough; the rest goes with the next run.'),
  unknownKeys: record('Keys that are no name of ours; they are never touched.', {
    count: count('How many.'),
    first: texts('The first of them, escaped.'),
  }),
});

const target = {
  snapshot: textOrNull('Id of the snapshot; null where it is about all of the account.'),
  databases: textOrNull(
    'Id of the newest snapshot of its databases only, which `latest` means as well; null where there is none.',
  ),
  account: text('Site or UUID of the account.'),
  kind: choice('What protects, or did.', 'pin', 'hold'),
};

const lackingCopies = texts('Copies that it has not reached yet; the next backup brings it there.');

export const pinDocument = document('pin', 'A pin or a legal hold that was set.', {
  ...target,
  reason: text('Why.'),
  until: instantOrNull('When it ends by itself; null: not before it is ended.'),
  lackingCopies,
});

export const unpinDocument = document('unpin', 'Pins or legal holds that were ended.', {
  ...target,
  ended: count(
    'How many; 0 where there was none. One on all of an account is two: on its own snapshots, and on those of its databases only.',
  ),
  lackingCopies,
});

export type PruneDocument = FromSchema<typeof pruneDocument>;
export type PinDocument = FromSchema<typeof pinDocument>;
export type UnpinDocument = FromSchema<typeof unpinDocument>;
