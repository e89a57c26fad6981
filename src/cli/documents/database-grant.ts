/** `db grant --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { document, flag, list, record, text, texts } from './schema.ts';

export const databaseGrantDocument = document('database-grant', 'The user that is enough for exports.', {
  applied: flag('Whether the statements were run.'),
  servers: list(
    'By configured server.',
    record('A server.', {
      instance: text('Name of the server in the configuration.'),
      engine: text('`mariadb`, `mysql` or `postgresql`.'),
      user: text('The user.'),
      statements: texts('In order; the word PASSWORD stands for the password.'),
    }),
  ),
});

export type DatabaseGrantDocument = FromSchema<typeof databaseGrantDocument>;
