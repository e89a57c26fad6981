/** `snapshots --json` and `status --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { errorParts } from './error.ts';
import { leftOut } from './left-out.ts';
import { anySnapshotItem } from './locked-snapshot.ts';
import { protections } from './protection.ts';
import { pastRun } from './schedule.ts';
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
  text,
  textOrNull,
} from './schema.ts';

export const snapshotsDocument = document('snapshots', 'The committed snapshots of a store.', {
  addin: text('Name of the addin configuration whose store was read.'),
  snapshots: list(
    'Oldest first.',
    record(anySnapshotItem.description, {
      ...anySnapshotItem.properties,
      erased: flag(
        'It is locked because its account was erased: nobody can read it any more, and prune removes it.',
      ),
      protections,
    }),
  ),
  untrusted: list(
    'Those of `snapshots` that nobody signed who is trusted here.',
    record('A snapshot.', {
      id: text('As in `snapshots`.'),
      key: text('Key of the manifest in the store.'),
      message: text('Why.'),
    }),
  ),
  damaged: list(
    'Snapshots whose manifest cannot be read.',
    record('A damaged snapshot.', {
      id: text('Its twelve hex digits.'),
      owner: text('UUID of the account.'),
      key: text('Key of the manifest in the store.'),
      error: record('What is wrong.', errorParts),
      protections,
    }),
  ),
  untrustedEvents: countOrNull(
    'Pins, holds and their ends that do not count, since who signed them is not trusted; null where the credentials may not read them.',
  ),
  leftOut,
});

export const statusDocument = document('status', 'How old the last good snapshot of each account is.', {
  addin: text('Name of the addin configuration whose store was read.'),
  runs: list(
    'Runs of the configuration on this server that are under way or were interrupted, oldest first.',
    record('A run.', {
      id: text('Its twelve hex digits.'),
      state: choice('Interrupted ones go when a later run has caught up.', 'running', 'interrupted'),
      startedAt: instant('When it began.'),
      accounts: count('Accounts it was to back up.'),
      done: count('Accounts it was done with, well or not, as far as is known.'),
      failed: count('Of those, without a snapshot.'),
    }),
  ),
  ended: list(
    'The last 20 runs of the configuration on this server that ended, newest first.',
    record('A run.', { ...pastRun, log: text('Path of its log on this server.') }),
  ),
  runner: choice(
    'What runs schedules on this host, as far as can be seen.',
    'daemon',
    'timer',
    'cron',
    'nothing',
  ),
  accounts: list(
    'The accounts that the configuration selects, as the panel orders them.',
    record('An account.', {
      account: text('Site of the account.'),
      uuid: textOrNull('UUID of the account; null before its first backup.'),
      domain: textOrNull('Its domain.'),
      snapshots: count('Committed snapshots.'),
      lastState: choice('State of the newest snapshot.', 'complete', 'partial', null),
      erased: flag('The newest snapshot was erased: nobody can read it, and it is no good one.'),
      lastAt: instantOrNull('When the newest snapshot was made.'),
      lastGoodAt: instantOrNull('When the last complete snapshot was made.'),
      lastGoodAgeSeconds: countOrNull('How long ago that was.'),
      findings: list(
        'What looks wrong about the newest snapshot.',
        record('A finding.', { code: text('Which; docs/errors.md has them.'), message: text('In words.') }),
      ),
      doubts: list(
        'Snapshots that are no good ones whatever their names say, or that this server made last and the store has no more; not all are looked at.',
        record('A snapshot.', {
          key: text('Key of the manifest in the store.'),
          kind: choice('What is wrong.', 'unreadable', 'untrusted', 'missing'),
          message: text('In words.'),
        }),
      ),
    }),
  ),
  gone: list(
    'Accounts of this server that the panel no longer has, with snapshots that were not erased.',
    record('An account.', {
      uuid: text('UUID of the account.'),
      account: textOrNull('Site that it had, where that is known.'),
      snapshots: count('Committed snapshots.'),
      lastAt: instant('When the newest was made.'),
    }),
  ),
});

export type SnapshotsDocument = FromSchema<typeof snapshotsDocument>;
export type StatusDocument = FromSchema<typeof statusDocument>;
