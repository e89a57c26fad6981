/**
 * What files of the state hold, as schemas: they say whether a file, or an entry of one, can be understood.
 *
 * Types follow from them, so that the compiler compares them with those that readers promise. The build writes code of each
 * in `stateSchemas`: no short command waits for ajv. Properties that later releases add are let pass.
 */

import type { FromSchema } from 'json-schema-to-ts';
import type { JsonSchema } from '../contracts/addin.ts';
import { validate } from '../settings/validate.ts';
import { amount, amountOrNull, flag, text, textOrNull, texts, uuid, whole } from './schema-parts.ts';

/** The part of `server.json` that it is nothing without. */
const identityFileSchema = {
  type: 'object',
  required: ['version', 'uuid', 'systemUuid', 'machine'],
  properties: {
    version: { const: 1 },
    uuid,
    systemUuid: uuid,
    machine: textOrNull,
  },
} as const;

/** An entry of `previous` there. */
const previousIdentitySchema = {
  type: 'object',
  required: ['uuid', 'untilMs'],
  properties: { uuid, untilMs: whole },
} as const;

/** Of `accounts.json`. */
const accountsFileSchema = {
  type: 'object',
  required: ['accounts'],
  properties: {
    accounts: {
      type: 'array',
      items: {
        type: 'object',
        required: ['uuid', 'home', 'marked', 'attributes'],
        properties: {
          uuid,
          home: textOrNull,
          marked: flag,
          stamp: text,
          plan: textOrNull,
          tookOverAtMs: whole,
          attributes: {
            type: 'array',
            minItems: 1,
            items: {
              type: 'object',
              required: ['site', 'domain', 'firstSeenMs', 'lastSeenMs'],
              properties: { site: text, domain: textOrNull, firstSeenMs: whole, lastSeenMs: whole },
            },
          },
        },
      },
    },
  },
} as const;

/** Of `stores.json`. */
const storesFileSchema = {
  type: 'object',
  required: ['stores'],
  properties: {
    stores: { type: 'object', additionalProperties: text },
    usedBy: { type: 'object', additionalProperties: text },
  },
} as const;

const findings = {
  type: 'array',
  items: { type: 'object', required: ['code', 'message'], properties: { code: text, message: text } },
} as const;

/** An entry of `newest/<addin>.json`. */
const newestFindingsSchema = {
  type: 'object',
  required: ['id', 'findings'],
  properties: { id: text, key: text, completeKey: text, run: text, durationMs: whole, findings },
} as const;

const lastSnapshot = { lineage: text, sequence: whole, digest: text } as const;

/** The part of `lineages/<addin>/<account>.json` that it is nothing without. */
const lastSnapshotSchema = {
  type: 'object',
  required: ['lineage', 'sequence', 'digest'],
  properties: lastSnapshot,
} as const;

/** An entry of `former` there. */
const placedSnapshotSchema = {
  type: 'object',
  required: ['lineage', 'sequence', 'digest', 'store'],
  properties: { ...lastSnapshot, store: textOrNull },
} as const;

/** `locks` there. */
const lockNoteSchema = {
  type: 'object',
  required: ['rules', 'sequence'],
  properties: { rules: text, sequence: whole },
} as const;

/** An entry of `recent` there. */
const measuresSchema = {
  type: 'object',
  required: ['id', 'state', 'entries', 'bytes', 'changes', 'newBytes', 'ratio', 'findings'],
  properties: {
    id: text,
    state: { enum: ['complete', 'partial'] },
    entries: amount,
    bytes: amount,
    changes: amountOrNull,
    steps: amount,
    newBytes: amount,
    ratio: amountOrNull,
    excluded: texts,
    notes: texts,
    findings,
  },
} as const;

const processMark = { pid: whole, processStart: text, bootId: text } as const;

/** Of `runs/<id>.json`. */
const runFileSchema = {
  type: 'object',
  required: ['id', 'addin', 'startedAtMs', 'accounts', 'done', 'pid', 'processStart', 'bootId', 'stopped'],
  properties: {
    id: text,
    addin: text,
    startedAtMs: whole,
    scheduled: flag,
    whole: flag,
    accounts: whole,
    done: whole,
    failed: whole,
    ...processMark,
    stopped: flag,
  },
} as const;

/** Of `restores/<id>.json`. */
const restoreFileSchema = {
  type: 'object',
  required: ['snapshots', 'pid', 'processStart', 'bootId'],
  properties: {
    snapshots: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id', 'server', 'owner', 'places'],
        properties: { id: text, server: text, owner: text, places: texts },
      },
    },
    ...processMark,
  },
} as const;

/** Of `verifications/<kind>-<name>.json`. */
const verificationSchema = {
  type: 'object',
  required: [
    'kind',
    'name',
    'version',
    'contract',
    'configuration',
    'endedAtMs',
    'sound',
    'checks',
    'failed',
    'holdfast',
  ],
  properties: {
    kind: { enum: ['store', 'provider'] },
    name: text,
    version: text,
    contract: amount,
    configuration: text,
    endedAtMs: amount,
    sound: flag,
    checks: amount,
    failed: amount,
    holdfast: text,
  },
} as const;

const progress = {
  doneThroughMs: whole,
  begun: {
    type: ['object', 'null'],
    required: ['atMs', 'forMs', 'tries'],
    properties: { atMs: whole, forMs: whole, tries: whole },
  },
} as const;

/** An entry of `schedule.json`. */
const itemStateSchema = {
  type: 'object',
  required: ['doneThroughMs', 'begun'],
  properties: {
    ...progress,
    aside: { type: 'object', required: ['doneThroughMs', 'begun'], properties: progress },
  },
} as const;

export const stateSchemas = [
  identityFileSchema,
  previousIdentitySchema,
  accountsFileSchema,
  storesFileSchema,
  newestFindingsSchema,
  lastSnapshotSchema,
  placedSnapshotSchema,
  lockNoteSchema,
  measuresSchema,
  runFileSchema,
  restoreFileSchema,
  verificationSchema,
  itemStateSchema,
] as const;

const guard =
  <T>(schema: JsonSchema) =>
  (value: unknown): value is T =>
    validate(value, schema).length === 0;

export const isIdentityFile = guard<FromSchema<typeof identityFileSchema>>(identityFileSchema);
export const isPreviousIdentity = guard<FromSchema<typeof previousIdentitySchema>>(previousIdentitySchema);
export const isAccountsFile = guard<FromSchema<typeof accountsFileSchema>>(accountsFileSchema);
export const isStoresFile = guard<FromSchema<typeof storesFileSchema>>(storesFileSchema);
export const isNewestFindings = guard<FromSchema<typeof newestFindingsSchema>>(newestFindingsSchema);
export const isLastSnapshot = guard<FromSchema<typeof lastSnapshotSchema>>(lastSnapshotSchema);
export const isPlacedSnapshot = guard<FromSchema<typeof placedSnapshotSchema>>(placedSnapshotSchema);
export const isLockNote = guard<FromSchema<typeof lockNoteSchema>>(lockNoteSchema);
export const isMeasures = guard<FromSchema<typeof measuresSchema>>(measuresSchema);
export const isRunFile = guard<FromSchema<typeof runFileSchema>>(runFileSchema);
export const isRestoreFile = guard<FromSchema<typeof restoreFileSchema>>(restoreFileSchema);
export const isVerification = guard<FromSchema<typeof verificationSchema>>(verificationSchema);
export const isItemState = guard<FromSchema<typeof itemStateSchema>>(itemStateSchema);
