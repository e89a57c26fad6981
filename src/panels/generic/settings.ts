/**
 * The settings of the generic panel: accounts described in the configuration itself.
 */

import type { FromSchema } from 'json-schema-to-ts';

const patterns = {
  type: 'array',
  items: { type: 'string', pattern: '^[^/]' },
  examples: [['tmp', 'var/cache/*']],
} as const;

export const genericSettingsSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:holdfast:schema:panel-generic',
  title: 'Settings of the generic panel',
  description:
    'Accounts of a server without a panel, or with one that has no adapter: described by paths and globs.',
  type: 'object',
  additionalProperties: false,
  required: ['use', 'accounts'],
  properties: {
    use: { const: 'generic', description: 'Selects this panel.', examples: ['generic'] },
    accounts: {
      type: 'array',
      minItems: 1,
      description: 'Rules that say where accounts are. A directory belongs to the first rule that fits it.',
      examples: [
        [
          {
            path: '/home/*',
            trees: { home: { exclude: ['tmp'] } },
            databases: [{ family: 'mysql', prefix: '{name}_' }],
          },
        ],
      ],
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['path'],
        properties: {
          path: {
            type: 'string',
            pattern: '^/',
            description:
              "Absolute path of the account's directory. With * or ? every directory that fits is an account: both stand for text inside one component, links are not followed, and a leading dot must be written.",
            examples: ['/home/*', '/srv/intranet'],
          },
          name: {
            type: 'string',
            minLength: 1,
            default: '{name}',
            description:
              'What the account is called. {name} is the component of the path that fits its last wildcard, or the last component where there is none.',
            examples: ['{name}', 'intranet'],
          },
          domain: {
            type: 'string',
            minLength: 1,
            description: "The account's domain; {name} as above. Without it the account has none.",
            examples: ['{name}', '{name}.example.com'],
          },
          trees: {
            type: 'object',
            minProperties: 1,
            propertyNames: { pattern: '^(?!databases$)[a-z][a-z0-9-]{0,31}$' },
            default: { files: {} },
            description:
              'What to capture, by name: lower case, digits, hyphens, and not databases. The name begins every path inside a snapshot.',
            examples: [
              { home: { exclude: ['tmp'] } },
              { www: { path: 'htdocs' }, mail: { path: 'Maildir' } },
            ],
            additionalProperties: {
              type: 'object',
              additionalProperties: false,
              properties: {
                path: {
                  type: 'string',
                  pattern: '^(?:\\.|(?!\\.{1,2}(?:/|$))[^/]+(?:/(?!\\.{1,2}(?:/|$))[^/]+)*)$',
                  default: '.',
                  description:
                    "Below the account's directory; a single dot is the directory itself. Where the account can write on the way there, use a dot with include instead.",
                  examples: ['.', 'htdocs'],
                },
                exclude: {
                  ...patterns,
                  default: [],
                  description:
                    'Paths in the tree whose contents are left out; * and ? stand for text inside one component.',
                },
                include: {
                  ...patterns,
                  minItems: 1,
                  description: 'Where given, only these and what lies below them.',
                },
              },
            },
          },
          databases: {
            type: 'array',
            default: [],
            description: "How to recognise the account's databases; {name} as above.",
            examples: [[{ family: 'mysql', prefix: '{name}_' }]],
            items: {
              type: 'object',
              additionalProperties: false,
              required: ['family'],
              anyOf: [{ required: ['prefix'] }, { required: ['admin'] }, { required: ['names'] }],
              properties: {
                family: {
                  enum: ['mysql', 'postgresql'],
                  description: 'Kind of server; mysql covers MariaDB.',
                  examples: ['mysql'],
                },
                prefix: {
                  type: 'string',
                  minLength: 2,
                  description: 'Beginning of the names of its databases and users, taken literally.',
                  examples: ['{name}_'],
                },
                admin: {
                  type: 'string',
                  minLength: 1,
                  description: "User whose databases are the account's.",
                  examples: ['{name}'],
                },
                names: {
                  type: 'array',
                  minItems: 1,
                  items: { type: 'string', minLength: 1 },
                  description: 'Databases by name.',
                  examples: [['intranet', 'wiki']],
                },
              },
            },
          },
        },
      },
    },
    system: {
      type: 'object',
      additionalProperties: false,
      required: ['include'],
      description:
        'Files of the server itself, kept as the account _system. Without it there is no such account.',
      examples: [{ path: '/', include: ['etc', 'var/spool/cron'] }],
      properties: {
        path: {
          type: 'string',
          pattern: '^/',
          default: '/',
          description: 'Absolute path of the root that the patterns start from.',
          examples: ['/'],
        },
        include: {
          ...patterns,
          minItems: 1,
          description: 'What to keep, with all that lies below.',
          examples: [['etc']],
        },
        exclude: { ...patterns, default: [], description: 'What to leave out of it.' },
      },
    },
  },
} as const;

export type GenericSettings = FromSchema<typeof genericSettingsSchema>;
export type AccountRule = GenericSettings['accounts'][number];
