/** The settings of the apiscp panel: what stands in `panel` of the configuration. */

import type { FromSchema } from 'json-schema-to-ts';

export const apiscpSettingsSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:holdfast:schema:panel-apiscp',
  title: 'Settings of the apiscp panel',
  description: 'Accounts of an ApisCP server.',
  type: 'object',
  additionalProperties: false,
  required: ['use'],
  properties: {
    use: { const: 'apiscp', description: 'Selects this panel.', examples: ['apiscp'] },
    root: {
      type: 'string',
      pattern: '^/',
      default: '/',
      description:
        'Absolute path under which home/virtual lies: / on a live server, else where a copy is mounted.',
      examples: ['/'],
    },
    cpcmd: {
      type: 'string',
      pattern: '^/',
      description:
        'Absolute path of cpcmd, by which scopes of the panel are read and set, and how many dumps of a database it keeps. Without it, where the panel puts it, if root is /.',
      examples: ['/usr/bin/cpcmd'],
    },
    dumpsKept: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 5,
      description:
        'How many dumps of a database stay in the mysql_backups of its account when db export --to-accounts adds one, unless cpcmd tells what the account has set for the database.',
      examples: [5],
    },
  },
} as const;

export type ApiscpSettings = FromSchema<typeof apiscpSettingsSchema>;
