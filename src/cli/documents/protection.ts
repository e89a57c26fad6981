/** What keeps prune away from a snapshot, as `snapshots` shows it. */

import type { FromSchema } from 'json-schema-to-ts';
import type { ActiveProtection } from '../../core/jobs/active-protections.ts';
import { choice, flag, instantOrNull, list, orNull, record, text } from './schema.ts';

const protectionItem = record('A pin or a legal hold that has not ended.', {
  kind: choice(
    'A legal hold also forbids an erasure. What is `unreadable` protects like one until somebody removes it.',
    'pin',
    'hold',
    'unreadable',
  ),
  wholeAccount: flag('It is about every snapshot of the account, also those to come.'),
  reason: text('As it was written; of one that is unreadable, which event it is.'),
  until: instantOrNull('When it ends by itself; null: not before it is ended.'),
});

export const protections = orNull(
  list('What is pinned or under a legal hold; null where the credentials may not read that.', protectionItem),
);

export const describeProtections = (
  active: readonly ActiveProtection[] | null,
): FromSchema<typeof protections> => active?.map((one) => ({ ...one })) ?? null;
