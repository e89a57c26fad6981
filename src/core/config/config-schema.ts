/**
 * The schema of `config.json`, and with it the type: one source for validation, editors and code.
 *
 * Settings of a panel are not described here: each panel's definition brings its own schema, and a
 * core that knew them would know the panels.
 */

import type { FromSchema } from 'json-schema-to-ts';
import { operationsProperties } from './operations-schema.ts';
import { packageProperties } from './package-schema.ts';
import { policyProperty } from './policy-schema.ts';

export const configSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:holdfast:schema:config',
  title: 'Holdfast configuration',
  description:
    'What is on this server: its panel and its database servers. Lives in /etc/holdfast/config.json.',
  type: 'object',
  additionalProperties: false,
  required: ['panel'],
  properties: {
    $schema: {
      type: 'string',
      description: 'Where an editor finds this schema. Holdfast ignores it.',
      examples: ['./schemas/config.schema.json'],
    },
    panel: {
      type: 'object',
      description:
        'The hosting panel whose accounts are backed up. Other properties are settings of that panel.',
      examples: [{ use: 'apiscp', root: '/' }],
      required: ['use'],
      properties: {
        use: {
          type: 'string',
          minLength: 1,
          description: 'Name of the panel adapter.',
          examples: ['apiscp', 'generic'],
        },
      },
    },
    databases: {
      type: 'array',
      description: 'Database servers to export from. A server that is not listed is not exported.',
      default: [],
      examples: [
        [
          {
            name: 'mariadb',
            engine: 'mariadb',
            socket: '/var/lib/mysql/mysql.sock',
            user: 'root',
            password: 'file:/root/.holdfast/mariadb',
          },
        ],
      ],
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'engine'],
        properties: {
          name: {
            type: 'string',
            pattern: '^[a-z][a-z0-9-]{0,62}$',
            description:
              'How this server is called in snapshots and restored paths: lower case, digits, hyphens.',
            examples: ['mariadb'],
          },
          engine: {
            enum: ['mariadb', 'mysql', 'postgresql'],
            description: 'What kind of server it is.',
            examples: ['mariadb'],
          },
          socket: {
            type: 'string',
            pattern: '^/',
            description: 'Absolute path of its Unix socket. Give either this or a host.',
            examples: ['/var/lib/mysql/mysql.sock'],
          },
          host: {
            type: 'string',
            minLength: 1,
            description: 'Its host name or address.',
            examples: ['127.0.0.1'],
          },
          port: {
            type: 'integer',
            minimum: 1,
            maximum: 65535,
            description: 'Its TCP port; without it, the usual one of the engine.',
            examples: [5432],
          },
          user: {
            type: 'string',
            minLength: 1,
            description: 'The user to log in as; it must be able to read every database.',
            examples: ['root'],
          },
          password: {
            type: 'string',
            'x-secret': true,
            description:
              'Reference to the password: env:NAME, or file:PATH of a file with mode 0600. Leave out for socket authentication.',
            examples: ['file:/root/.holdfast/mariadb'],
          },
          tls: {
            type: 'object',
            additionalProperties: false,
            description:
              'Encrypts the connection to a host. With ca the server must also prove that it is the host named.',
            examples: [{ ca: '/etc/ssl/certs/ca-certificates.crt' }],
            properties: {
              ca: {
                type: 'string',
                pattern: '^/',
                description: 'File of certificate authorities, PEM.',
                examples: ['/etc/ssl/certs/ca-certificates.crt'],
              },
              cert: {
                type: 'string',
                pattern: '^/',
                description: 'Certificate of this client, PEM.',
                examples: ['/etc/holdfast/client.pem'],
              },
              key: {
                type: 'string',
                pattern: '^/',
                description: 'Private key of that certificate, PEM.',
                examples: ['/etc/holdfast/client.key'],
              },
            },
          },
          stallMinutes: {
            type: 'integer',
            minimum: 1,
            maximum: 1440,
            description:
              'Minutes without a byte after which a dump is given up; 15 where nothing is said. There is no limit on the whole.',
            examples: [15],
          },
          clientPath: {
            type: 'string',
            pattern: '^/',
            description:
              'Absolute path of the dump client, or of the directory it lies in. Without it Holdfast looks where packages put it.',
            examples: ['/opt/mariadb/bin'],
          },
        },
      },
    },
    export: {
      enum: ['direct', 'panel'],
      default: 'direct',
      description:
        'Who makes the dumps of a backup: Holdfast, from one instant for each account, or the exporter of the panel, whose files are then captured. PostgreSQL is always exported by Holdfast.',
      examples: ['direct'],
    },
    panelExport: {
      type: 'object',
      additionalProperties: false,
      required: ['command'],
      description: 'How to run the exporter of the panel; needed where export is panel.',
      examples: [
        {
          command: ['/usr/local/apnscp/bin/scripts/backup_dbs.php', '--force'],
          stallMinutes: 60,
        },
      ],
      properties: {
        command: {
          type: 'array',
          minItems: 1,
          items: { type: 'string' },
          description: 'Program and arguments; no shell. It must end with 0 once every dump is written.',
          examples: [['/usr/local/apnscp/bin/scripts/backup_dbs.php', '--force']],
        },
        stallMinutes: {
          type: 'integer',
          minimum: 1,
          maximum: 1440,
          default: 60,
          description: 'Minutes in which it neither prints nor ends, after which it is given up.',
          examples: [60],
        },
      },
    },
    keepReplacedDays: {
      type: 'integer',
      minimum: 1,
      maximum: 365,
      default: 7,
      description:
        'Days for which a database that an import replaced is kept, so that db import --undo can bring it back. The next import or backup after that drops it.',
      examples: [7],
    },
    concurrency: {
      type: 'integer',
      minimum: 1,
      maximum: 64,
      default: 2,
      description:
        'Accounts read at once; what the next one refers to is looked up meanwhile. Adds no threads: of those there are at most as many as cores.',
      examples: [2],
    },
    isolation: {
      enum: ['on', 'off'],
      description:
        'Whether the stores of Holdfast itself run in processes of their own, as a user of their own, without sight of the accounts; the webhook and the ping too. Stores and notifiers of addin packages always do. Without it: on where Holdfast runs as root, but for rclone remotes that need files of root (docs/rclone.md). Off saves the start of a process, 60 to 90 ms of the processor, at each command that opens a store.',
      examples: ['off'],
    },
    ...operationsProperties,
    policy: policyProperty,
    stateDir: {
      type: 'string',
      pattern: '^/',
      description:
        'Absolute path of the local state. Without it: /var/lib/holdfast, or DIR/state where --config DIR names another configuration.',
      examples: ['/var/lib/holdfast'],
    },
    ...packageProperties,
    trustedSigners: {
      type: 'array',
      uniqueItems: true,
      default: [],
      description:
        'Public keys of other servers whose snapshots are trusted here, of machines that prune or pin for this one, and of this one as it was before its state was lost. UUID:KEY trusts the key for that one server, KEY alone for all of them. holdfast doctor shows key and UUID of a server, and so does the recovery sheet.',
      examples: [
        [
          '5f0c2a52-5b0e-4b5c-9f7e-0d7c8f3a1b2c:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
        ],
      ],
      items: { type: 'string', pattern: '^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:)?[0-9a-f]{64}$' },
    },
  },
} as const;

export type ConfigDocument = FromSchema<typeof configSchema>;
export type DatabaseSettings = ConfigDocument['databases'][number];

/** For `resolveSecrets` on one entry of `databases`. */
export const databaseSettingsSchema = configSchema.properties.databases.items;
