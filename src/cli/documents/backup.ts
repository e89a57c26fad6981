/** `backup --json`, and `backup --dry-run --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { errorParts } from './error.ts';
import {
  choice,
  count,
  countOrNull,
  document,
  instant,
  integer,
  list,
  record,
  recordOrNull,
  text,
  textOrNull,
  texts,
} from './schema.ts';
import { snapshotItem } from './snapshot.ts';

const error = recordOrNull('Why it could not be told, or null.', errorParts);

export const backupDocument = document('backup', 'One run of a backup.', {
  run: text('Id of the run, twelve hex digits.'),
  addin: text('Name of the addin configuration.'),
  server: text('UUID of this server.'),
  startedAt: instant('When the run began.'),
  endedAt: instant('When it ended.'),
  exitStatus: count('Status of the process: that of the worst account, else that of a failed copy.'),
  snapshots: list('Committed by this run, in the order of their commits.', snapshotItem),
  failed: list(
    'Accounts without a snapshot.',
    record('An account that failed.', {
      account: text('Site of the account.'),
      domain: textOrNull('Its domain.'),
      error: record('Why.', errorParts),
    }),
  ),
  unmatched: texts('Patterns of the configuration that fit no account.'),
  copies: list(
    'The copies elsewhere, in the order of the configuration; none where the run was interrupted before.',
    record('A copy.', {
      name: text('Its name.'),
      copied: count('Snapshots this run copied, those of earlier runs included.'),
      bytes: count('Bytes that were sent.'),
      untrusted: count(
        'Snapshots of the main store that nobody signed who is trusted here; they are not copied.',
      ),
      lacking: countOrNull('Snapshots it still lacks; null where that could not be found out.'),
      deniedEvents: count('Pins, legal holds and ends of them that its credentials do not let in.'),
      failures: list(
        'Snapshots, pins and legal holds that were tried and not copied.',
        record('A snapshot, a pin or a legal hold.', {
          snapshot: text(
            'Its id, or the key of its manifest where that cannot be read; of a pin or a hold the key of its event.',
          ),
          error: record('Why.', errorParts),
        }),
      ),
      error: recordOrNull('Why the copy does not have everything, or null.', errorParts),
    }),
  ),
  pruned: list(
    'The stores that were pruned after the run, as "upkeep" says.',
    record('A store.', {
      copy: textOrNull('Name of the copy; null for the main store.'),
      snapshots: count('Snapshots that were removed from it.'),
    }),
  ),
  pastElsewhere: texts(
    'Of the first run of a server: UUIDs, neither its own nor named in "trustedSigners", under which the store has snapshots of these accounts.',
  ),
  upkeepProblems: texts('What pruning and compacting after the run said, where it was not done or refused.'),
  hookProblems: texts('Hooks that failed and stopped nothing; those whose failures are ignored left out.'),
});

export const backupPlanDocument = document('backup-plan', 'What a backup would do; nothing was written.', {
  addin: text('Name of the addin configuration.'),
  accounts: list(
    'In the order of the panel.',
    record('An account.', {
      account: text('Site of the account.'),
      uuid: textOrNull('UUID of the account; null before its first backup.'),
      domain: textOrNull('Its domain.'),
      state: choice('As the panel has it.', 'active', 'suspended', 'editing'),
      problem: textOrNull('Why the panel cannot describe the account fully.'),
      level: choice(
        'Level of the snapshot; null where it cannot be told.',
        'full',
        'differential',
        'incremental',
        null,
      ),
      reason: textOrNull('Why this level.'),
      parents: texts('Snapshots it would refer to, nearest first.'),
      error,
      snapshots: integer('Snapshots the account has.'),
      trees: list(
        'What would be captured.',
        record('A tree.', {
          name: text('Its name.'),
          path: text('Where it lies.'),
          include: texts(
            'Patterns that would be captured, with what lies below; empty where that is everything.',
          ),
          exclude: texts('Patterns whose contents would be left out.'),
          error: recordOrNull('Why it would be refused, or null.', errorParts),
        }),
      ),
      databases: list(
        'What would be exported.',
        record('A database, or a server that cannot be asked.', {
          instance: text('Name of the database server in config.json.'),
          name: textOrNull('Name of the database; null where the server cannot be asked.'),
          matchedBy: choice('Why it belongs to the account.', 'prefix', 'owner', 'name', null),
          estimatedBytes: countOrNull('The server’s own estimate.'),
          error,
        }),
      ),
      unconfiguredEngines: texts('Kinds of databases the account uses and that nothing exports.'),
    }),
  ),
  unmatched: texts('Patterns of the configuration that fit no account.'),
  exitStatus: integer(
    'What a run would end with, as far as can be told before it; 0 where nothing is in the way.',
  ),
});

export type BackupDocument = FromSchema<typeof backupDocument>;
export type BackupPlanDocument = FromSchema<typeof backupPlanDocument>;
