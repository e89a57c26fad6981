/** What a command prints with `--json` when it fails before it has anything else to say. */

import type { FromSchema } from 'json-schema-to-ts';
import { document, record, text, textOrNull } from './schema.ts';

export const errorParts = {
  code: text('Code of the error; docs/errors.md has them all.'),
  message: text('What happened, with the thing named.'),
  hint: textOrNull('What to do, as one sentence.'),
};

export const errorDocument = document('error', 'Printed instead of a result.', {
  error: record('The error.', errorParts),
});

export type ErrorDocument = FromSchema<typeof errorDocument>;
