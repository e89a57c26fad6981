/**
 * The schema of an addin package's manifest, the property `holdfast` of its `package.json`, and with it the
 * types: one source for validation, editors and code.
 *
 * Data only: whoever reads a manifest runs nothing of the package.
 */

import type { FromSchema } from 'json-schema-to-ts';
import { notifyEvents } from '../contracts/notifier.ts';
import { storeAbilities } from '../contracts/store.ts';
import { permissionsSchema as permissions } from './permissions-schema.ts';

const flag = (description: string) => ({ type: 'boolean', default: false, description }) as const;

/** What every kind has. */
const common = {
  name: {
    type: 'string',
    pattern: '^[a-z][a-z0-9-]{0,62}$',
    description: 'What `use` says in a configuration; unique among all addins of its kind.',
    examples: ['webdav'],
  },
  contract: {
    type: 'integer',
    minimum: 1,
    description: 'Version of the contract of its kind that it was written for.',
    examples: [1],
  },
  entry: {
    type: 'string',
    pattern: '^\\./[^\\u0000]+\\.m?js$',
    description:
      'ES module in the package, from the directory of package.json, whose default export is the definition.',
    examples: ['./dist/index.js'],
  },
  settings: {
    type: 'object',
    description:
      'JSON Schema 2020-12 of its settings, `use` included. Properties with "x-secret": true stand as references in configurations and arrive resolved; one with "x-directory": true names a directory of this machine that is the store\'s own.',
    examples: [
      {
        type: 'object',
        additionalProperties: false,
        required: ['use', 'url'],
        properties: { use: { const: 'webdav' }, url: { type: 'string', format: 'uri' } },
      },
    ],
  },
  permissions,
} as const;

const required = ['kind', 'name', 'contract', 'entry', 'capabilities', 'settings'] as const;

export const storeManifestSchema = {
  type: 'object',
  additionalProperties: false,
  required,
  description: 'A store: keeps bytes under keys. Runs in a process of its own.',
  properties: {
    kind: { const: 'store' },
    ...common,
    capabilities: {
      type: 'object',
      additionalProperties: false,
      description: 'What it can do where the place allows; the opened store says what holds there.',
      examples: [{ conditionalCreate: true }],
      properties: {
        conditionalCreate: flag('The store itself refuses a second object under a key, also under a race.'),
        versions: flag('Overwriting and removing keep old versions.'),
        objectLock: flag('What is put can be locked against removal and change.'),
        serverSideCopy: flag('It copies without the bytes passing through Holdfast.'),
        storageClasses: flag('It has several storage classes.'),
        setup: flag('Its definition has `setup`, which looks after the place.'),
      },
    },
  },
} as const;

export const providerManifestSchema = {
  type: 'object',
  additionalProperties: false,
  required,
  description: 'A provider: decides what a snapshot stores anew. Runs in the process of Holdfast.',
  properties: {
    kind: { const: 'provider' },
    ...common,
    capabilities: {
      type: 'object',
      additionalProperties: false,
      required: ['levels'],
      description: 'What it can write, and what it needs of the store beneath.',
      examples: [{ levels: ['full', 'incremental'] }],
      properties: {
        levels: {
          type: 'array',
          uniqueItems: true,
          minItems: 1,
          contains: { const: 'full' },
          items: { enum: ['full', 'differential', 'incremental'] },
          description: 'Levels it can write; full is always one of them.',
        },
        needsFull: {
          type: 'boolean',
          default: true,
          description: 'False: it goes on without a full.',
        },
        needs: {
          type: 'array',
          uniqueItems: true,
          items: { enum: storeAbilities },
          default: [],
          description: 'Capabilities without which it does not work on a store.',
        },
      },
    },
  },
} as const;

export const notifierManifestSchema = {
  type: 'object',
  additionalProperties: false,
  required,
  description: 'A notifier: passes on how runs ended. Runs in a process of its own.',
  properties: {
    kind: { const: 'notifier' },
    ...common,
    capabilities: {
      type: 'object',
      additionalProperties: false,
      description: 'What it is told.',
      examples: [{}],
      properties: {
        events: {
          type: 'array',
          uniqueItems: true,
          minItems: 1,
          items: { enum: notifyEvents },
          description: 'These, always; without it `on` of the configuration chooses.',
        },
      },
    },
  },
} as const;

export const scopeManifestSchema = {
  type: 'object',
  additionalProperties: false,
  required,
  description: 'Contributes scopes. Runs in the process of Holdfast.',
  properties: {
    kind: { const: 'scope' },
    ...common,
    capabilities: {
      type: 'object',
      additionalProperties: false,
      required: ['names'],
      description: 'What it contributes.',
      examples: [{ names: ['mail.relay'] }],
      properties: {
        names: {
          type: 'array',
          uniqueItems: true,
          minItems: 1,
          items: { type: 'string', pattern: '^[a-z][a-z0-9-]*\\.[a-z][a-z0-9-]*$' },
          description: 'Names of its scopes, all of them.',
        },
      },
    },
  },
} as const;

/** By kind, so that a manifest is told what its own kind lacks, not what the others would want. */
export const manifestSchemas = {
  store: storeManifestSchema,
  provider: providerManifestSchema,
  notifier: notifierManifestSchema,
  scope: scopeManifestSchema,
} as const;

export const addinManifestSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:holdfast:schema:addin-manifest',
  title: 'Holdfast addin manifest',
  description: 'The property `holdfast` in the package.json of an addin package.',
  type: 'object',
  additionalProperties: false,
  required: ['host', 'addins'],
  properties: {
    host: {
      type: 'string',
      minLength: 1,
      description: 'Versions of Holdfast that it works with, as a range of npm.',
      examples: ['>=0.1.0 <1'],
    },
    addins: {
      type: 'array',
      minItems: 1,
      maxItems: 100,
      description: 'What the package contributes.',
      items: {
        oneOf: [storeManifestSchema, providerManifestSchema, notifierManifestSchema, scopeManifestSchema],
      },
    },
  },
} as const;

export type StoreManifest = FromSchema<typeof storeManifestSchema>;
export type ProviderManifest = FromSchema<typeof providerManifestSchema>;
export type NotifierManifest = FromSchema<typeof notifierManifestSchema>;
export type ScopeManifest = FromSchema<typeof scopeManifestSchema>;
export type AddinManifest = StoreManifest | ProviderManifest | NotifierManifest | ScopeManifest;
export type AddinKind = AddinManifest['kind'];
