/** `addin verify --json` and `store init --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { choice, count, document, flag, instant, list, record, text, textOrNull, texts } from './schema.ts';

const addinTried = (description: string) =>
  record(description, {
    name: text('What `use` says.'),
    version: text('Its version.'),
    contract: count('Version of the contract it was written for.'),
  });

export const addinVerificationDocument = document(
  'addin-verification',
  'Whether a store does what backups rely on, and what it can and cannot do.',
  {
    addin: text('Name of the addin configuration whose store was tried.'),
    store: addinTried('Store it uses.'),
    provider: addinTried('Provider it uses.'),
    holdfast: text('Version of Holdfast, whose checks these are.'),
    startedAt: instant('When the first check began.'),
    endedAt: instant('When the last one had ended and all was cleared.'),
    prefix: text('What the keys of all trial objects began with.'),
    exitStatus: count('Status of the process.'),
    sound: flag('Nothing failed.'),
    leftBehind: textOrNull('Why trial objects are still there; null where all are gone.'),
    abilities: list(
      'What the store can and cannot do.',
      record('An ability.', {
        name: text('Which.'),
        state: choice('Whether it is there.', 'yes', 'no', 'partly', 'unknown'),
        declared: {
          type: ['boolean', 'null'],
          description: 'What the store claims; null where the contract has no word for it.',
        },
        verdict: choice('What follows: failed is claimed or needed, and not there.', 'ok', 'note', 'failed'),
        detail: text('The same in plain words.'),
      }),
    ),
    checks: list(
      'The conformance checks, in the order in which they were run.',
      record('A check.', {
        kind: choice('Which contract it belongs to.', 'store', 'provider'),
        name: text('Completes "the store …" or "the provider …".'),
        state: choice('How it ended.', 'ok', 'failed', 'skipped'),
        reason: textOrNull('Why it failed or was skipped.'),
      }),
    ),
  },
);

const finding = record('A finding.', {
  name: text('What was looked at.'),
  state: choice('How it is.', 'ok', 'note', 'warning', 'error'),
  detail: text('What was found.'),
  hint: textOrNull('What to do about it.'),
  code: textOrNull('Code of the error, where it is one.'),
  mendable: flag('--apply would do something about it.'),
});

export const storeSetupDocument = document(
  'store-setup',
  'What the place of a store is like, what was changed there, and which rights the credentials have.',
  {
    addin: text('Name of the addin configuration.'),
    store: text('Store it uses.'),
    server: textOrNull('UUID of this server; null before it has one.'),
    applied: flag('Changes were asked for.'),
    exitStatus: count('Status of the process.'),
    actions: list(
      'What --apply did, in order.',
      record('An action.', {
        name: text('What was to be set up.'),
        state: choice('How it ended.', 'done', 'present', 'taken-back', 'failed'),
        detail: text('What was done.'),
        hint: textOrNull('What to do about it.'),
        code: textOrNull('Code of the error, where it is one.'),
      }),
    ),
    findings: list('What was found, after any changes.', finding),
    rights: list(
      'Each right, tried with the configured credentials.',
      record('A right.', {
        name: text('What was tried.'),
        allowed: choice('Whether the credentials have it.', 'yes', 'no', 'unknown'),
        roles: texts('Who needs it: writer, reader, pruner; empty for a right that nobody should have.'),
        detail: textOrNull('What the service said.'),
      }),
    ),
    policies: list(
      'Least rights of each role, to be pasted where the service takes them.',
      record('A policy.', {
        role: choice('For whom.', 'writer', 'reader', 'pruner', 'first-backup'),
        description: text('When it is needed.'),
        document: { type: 'object', description: 'The policy itself.', additionalProperties: true },
      }),
    ),
  },
);

export type AddinVerificationDocument = FromSchema<typeof addinVerificationDocument>;
export type StoreSetupDocument = FromSchema<typeof storeSetupDocument>;
