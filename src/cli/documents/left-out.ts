/** What a look-up did not show though the store has it. */

import type { FromSchema } from 'json-schema-to-ts';
import { record, texts } from './schema.ts';

export const leftOut = record('What else the store has, of which nothing was looked at.', {
  servers: texts(
    'UUIDs of other servers that have, or with `--account` may have, snapshots of what was asked for; 51 at most. `--server` shows theirs.',
  ),
  accounts: texts(
    'UUIDs of accounts that were called like the one of `--account` before, and have snapshots; 5 at most.',
  ),
});

export type LeftOut = FromSchema<typeof leftOut>;
