/** `doctor --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { choice, count, document, list, record, text, textOrNull } from './schema.ts';

export const doctorDocument = document('doctor', 'Whether backups can run on this machine.', {
  exitStatus: count('Status of the process.'),
  checks: list(
    'In the order in which they were made.',
    record('A check.', {
      name: text('What was looked at.'),
      state: choice('How it is.', 'ok', 'warn', 'error'),
      detail: text('What was found.'),
      hint: textOrNull('What to do about it.'),
      code: textOrNull('Code of the error, where it is one.'),
    }),
  ),
});

export type DoctorDocument = FromSchema<typeof doctorDocument>;
