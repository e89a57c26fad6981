/**
 * The schema of one addin configuration (`addins.d/*.json`), and with it the type.
 *
 * Describes the outer part only. What stands beside `use` in `provider` and `store` belongs to that
 * addin and is validated against the schema its definition brings.
 */

import type { FromSchema } from 'json-schema-to-ts';
import { timingProperties } from './operations-schema.ts';
import { upkeepProperties } from './upkeep-schema.ts';

const keep = (what: string, example: number) =>
  ({ type: 'integer', minimum: 1, maximum: 100_000, description: what, examples: [example] }) as const;

const store = {
  type: 'object',
  description: 'Where the bytes go. Other properties are settings of that store.',
  examples: [{ use: 'local', path: '/var/backups/holdfast' }],
  required: ['use'],
  properties: {
    use: {
      type: 'string',
      minLength: 1,
      description: 'Name of the store.',
      examples: ['local', 's3', 'rclone'],
    },
  },
} as const;

const retention = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  description:
    'A snapshot stays while any rule keeps it, or while one that stays needs it. Without retention nothing is ever removed.',
  examples: [{ keepDaily: 7, keepWeekly: 4, keepMonthly: 12 }],
  properties: {
    keepLast: keep('Keep the newest N snapshots of an account.', 3),
    keepHourly: keep('Keep the newest snapshot of each of the last N hours that have one.', 24),
    keepDaily: keep('Keep the newest snapshot of each of the last N days that have one.', 7),
    keepWeekly: keep('Keep the newest snapshot of each of the last N weeks that have one.', 4),
    keepMonthly: keep('Keep the newest snapshot of each of the last N months that have one.', 12),
    keepYearly: keep('Keep the newest snapshot of each of the last N years that have one.', 2),
    keepWithin: {
      type: 'string',
      pattern: '^[1-9][0-9]{0,4}[hdwmy]$',
      description: 'Keep every snapshot younger than this: a number and h, d, w, m (months) or y.',
      examples: ['30d'],
    },
    maxRemoveShare: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 1,
      description:
        'Prune refuses to remove more than this share of the snapshots at once, where they are more than five; 0.5 where nothing is said. Keeps nothing by itself.',
      examples: [0.5],
    },
  },
} as const;

export const addinConfigurationSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:holdfast:schema:addin-configuration',
  title: 'Holdfast addin configuration',
  description:
    'Joins provider, store, accounts, schedule, retention and key. One file each in /etc/holdfast/addins.d; addin.example.json is a complete, tested instance.',
  type: 'object',
  additionalProperties: false,
  required: ['name', 'provider', 'store', 'encryption'],
  properties: {
    $schema: {
      type: 'string',
      description: 'Where an editor finds this schema. Holdfast ignores it.',
      examples: ['./schemas/addin-configuration.schema.json'],
    },
    name: {
      type: 'string',
      pattern: '^[a-z][a-z0-9-]{0,62}$',
      description:
        'How this configuration is called on the command line: lower case, digits, hyphens; unique.',
      examples: ['nightly'],
    },
    provider: {
      type: 'object',
      description:
        'What a snapshot stores anew and what it refers to. Other properties are settings of that provider.',
      examples: [{ use: 's3-tar' }],
      required: ['use'],
      properties: {
        use: {
          type: 'string',
          minLength: 1,
          description: 'Name of the provider.',
          examples: ['s3-tar', 'chain'],
        },
      },
    },
    store,
    accounts: {
      type: 'object',
      additionalProperties: false,
      description: 'Which accounts: included by any pattern, and excluded by none.',
      default: {},
      examples: [{ include: ['*'], exclude: ['site7'] }],
      properties: {
        include: {
          type: 'array',
          minItems: 1,
          items: { type: 'string', minLength: 1 },
          default: ['*'],
          description: 'Sites, domains or UUIDs; * and ? stand for any text and any character.',
          examples: [['*'], ['site1*', 'example.com']],
        },
        exclude: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          default: [],
          description: 'The same, for accounts to leave out.',
          examples: [['site7', '*.test']],
        },
      },
    },
    schedule: {
      type: 'array',
      description: 'When backups run by themselves. Without it they run by hand only.',
      default: [],
      examples: [[{ level: 'full', cron: '0 3 * * *' }]],
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['level', 'cron'],
        properties: {
          level: {
            enum: ['full', 'differential', 'incremental', 'auto'],
            description: 'What to write then; auto leaves the choice to the provider.',
            examples: ['full'],
          },
          cron: {
            type: 'string',
            pattern: '^[0-9A-Za-z*/,-]+( +[0-9A-Za-z*/,-]+){4}$',
            description: 'Minute, hour, day of the month, month, day of the week.',
            examples: ['0 3 * * *'],
          },
        },
      },
    },
    ...timingProperties,
    ...upkeepProperties,
    retention,
    copies: {
      type: 'array',
      maxItems: 16,
      description:
        'Further stores that get every finished snapshot after it was committed. A copy is a store of its own.',
      default: [],
      examples: [[{ name: 'offsite', store: { use: 'local', path: '/mnt/offsite/holdfast' } }]],
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['store'],
        properties: {
          name: {
            type: 'string',
            pattern: '^[a-z][a-z0-9-]{0,62}$',
            description:
              'What --copy calls it: lower case, digits, hyphens. Required where there are several; a single one is called copy without it. A new name begins a new copy.',
            examples: ['offsite'],
          },
          store: {
            ...store,
            description: 'Where the copy goes; another place than the main store.',
          },
          retention: {
            ...retention,
            description:
              'What stays in the copy, by the same rules. Without it nothing is ever removed from the copy.',
          },
        },
      },
    },
    encryption: {
      description:
        'Required, so that nobody stores plain backups without meaning to: recipients, or "none" said on purpose.',
      examples: [{ recipients: ['age1…'] }, 'none'],
      anyOf: [
        { const: 'none', description: 'Objects are stored unencrypted.' },
        {
          type: 'object',
          additionalProperties: false,
          required: ['recipients'],
          properties: {
            recipients: {
              type: 'array',
              minItems: 1,
              items: { type: 'string', minLength: 1 },
              description: 'age public keys of the administrators who can open the backups.',
              examples: [['age1…']],
            },
            identity: {
              type: 'string',
              'x-secret': true,
              description:
                'Reference to the age identity, where the server may read its own backups. Leave out for a server that only writes.',
              examples: ['file:/root/.holdfast/identity'],
            },
          },
        },
      ],
    },
  },
} as const;

export type AddinDocument = FromSchema<typeof addinConfigurationSchema>;
export type Retention = NonNullable<AddinDocument['retention']>;
export type Encryption = AddinDocument['encryption'];
export type ScheduleEntry = AddinDocument['schedule'][number];
