/** `status --check --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { choice, count, document, list, record, text, textOrNull, texts } from './schema.ts';

export const statusCheckDocument = document('status-check', 'Whether backups are overdue, for monitoring.', {
  status: choice('As monitoring plugins name it.', 'OK', 'WARNING', 'CRITICAL', 'UNKNOWN'),
  limitHours: {
    type: ['number', 'null'],
    description:
      'How old the last good snapshot may be where an addin configuration has no limit of its own; null where the configuration cannot be read.',
  },
  accounts: count('Accounts that were looked at, each once.'),
  overdue: list(
    'Accounts without a good snapshot of every component within the limit.',
    record('An account.', {
      addin: text('Name of the addin configuration.'),
      account: text('Site of the account.'),
      domain: textOrNull('Its domain.'),
      limitHours: { type: 'number', description: 'How old its last good snapshot may be.' },
      lastGoodAt: textOrNull('When the last complete snapshot was made, or null.'),
      lacking: texts('Components that no snapshot within the limit holds.'),
    }),
  ),
  warnings: texts('What else is not as it should be, configurations that could not be looked at among it.'),
});

export type StatusCheckDocument = FromSchema<typeof statusCheckDocument>;
