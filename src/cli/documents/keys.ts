/** `decrypt --json` and what the `key` commands print. */

import type { FromSchema } from 'json-schema-to-ts';
import {
  choice,
  count,
  countOrNull,
  document,
  flag,
  instantOrNull,
  list,
  record,
  text,
  textOrNull,
  texts,
} from './schema.ts';

export const decryptDocument = document('decrypt', 'A file that was decrypted.', {
  out: text('Where the plain bytes are.'),
  kind: choice('What it was.', 'age', 'zotonic'),
  bytes: count('Plain bytes.'),
});

export const keyGenerateDocument = document('key-generate', 'An identity that was made.', {
  recipient: text('Public half, `age1…`, for "recipients" in the configuration.'),
  file: textOrNull('Identity file, mode 0600; null where only the sheet was written.'),
  protected: flag('The file is under a passphrase.'),
  sheet: textOrNull('Recovery sheet, mode 0600; null where none was written.'),
});

export const keyCheckDocument = document(
  'key-check',
  'Whether an identity opens the newest snapshot of each account.',
  {
    addin: text('Name of the addin configuration whose store was looked at.'),
    recipients: texts('Public halves of the identities that were tried.'),
    confirmed: texts('Those that are recorded as kept now; empty without --confirm.'),
    exitStatus: count('Status of the process.'),
    accounts: list(
      'By server and account.',
      record('An account.', {
        server: text('UUID of the server.'),
        owner: text('UUID of the account.'),
        account: textOrNull(
          'Site, where the snapshot could be opened; else what this machine remembers, or null.',
        ),
        snapshot: text('Id of the newest snapshot, or its last twelve digits where it stays closed.'),
        epoch: countOrNull('Key epoch of the snapshot; null where it is not encrypted.'),
        result: choice(
          'Whether it opens, with everything it refers to.',
          'opens',
          'plain',
          'wrong-key',
          'no-key',
          'erased',
          'damaged',
        ),
        message: textOrNull('What is wrong; null where nothing is.'),
      }),
    ),
  },
);

export const keyRotateDocument = document('key-rotate', 'Keys that were made or encrypted anew.', {
  addin: text('Name of the addin configuration.'),
  store: text('The same, or `<name>/<copy>` for the store that was worked on.'),
  recipients: texts('For whom the keys are encrypted now.'),
  exitStatus: count('Status of the process.'),
  keys: list(
    'By account and epoch.',
    record('A key.', {
      server: text('UUID of the server.'),
      owner: text('UUID of the account.'),
      epoch: count('Key epoch.'),
      action: choice(
        'What was done; `up-to-date`: nothing, since it was made for these recipients.',
        'new-epoch',
        'encrypted-anew',
        'up-to-date',
        'left',
      ),
      key: text('Key object that counts now.'),
      removed: count('Earlier revisions that are gone.'),
      kept: count('Earlier revisions the store refused to remove: whoever could open them still can.'),
      message: textOrNull('Why it was left; null where it was not.'),
    }),
  ),
});

const tally = (what: string) =>
  record(what, { count: count('How many.'), bytes: count('Their bytes as stored.') });

export const keyEraseDocument = document('key-erase', 'The erasure of an account.', {
  account: text('Site or UUID, as it was named.'),
  owner: text('UUID of the account.'),
  site: textOrNull('Site that it holds now, as far as this server knows; else null.'),
  local: flag('Nothing but this server was asked: what it remembered of the key is forgotten, or would be.'),
  applied: flag('Erasure was asked for; otherwise nothing was changed.'),
  exitStatus: count('Status of the process.'),
  stores: list(
    'Every store that was looked at, once more where it has anything of the snapshots that hold databases only.',
    record('A store.', {
      store: text('Name of the addin configuration, or `<name>/<copy>`.'),
      owner: text('UUID under which the snapshots lie: of the account, or of its databases.'),
      databasesOnly: flag('It is about the snapshots of `db export --to-store`.'),
      holds: texts('Legal holds that forbid it, in plain words.'),
      keys: count('Key objects: to be destroyed, or destroyed.'),
      left: texts('Key objects the store refused to remove.'),
      closed: count('Snapshots that nobody can read afterwards, or now.'),
      keyless: count('Of these, those of which this store had no key to begin with.'),
      open: count('Encrypted snapshots that can still be read, since the store kept their keys.'),
      plain: count('Snapshots that were never encrypted: they can be read until prune removes them.'),
      servers: list(
        'Servers that have anything of the account, or those that were named.',
        record('A server.', {
          server: text('UUID of the server.'),
          keys: count('Key objects.'),
          snapshots: count('Snapshots.'),
          first: instantOrNull('When the oldest began; null where there is none.'),
          last: instantOrNull('When the newest began; null where there is none.'),
        }),
      ),
      remaining: tally('Data, index objects and manifests that lie there until prune removes them.'),
    }),
  ),
});

export type DecryptDocument = FromSchema<typeof decryptDocument>;
export type KeyGenerateDocument = FromSchema<typeof keyGenerateDocument>;
export type KeyCheckDocument = FromSchema<typeof keyCheckDocument>;
export type KeyRotateDocument = FromSchema<typeof keyRotateDocument>;
export type KeyEraseDocument = FromSchema<typeof keyEraseDocument>;
