/**
 * Settings of the `s3` store: their schema, their types, their defaults.
 *
 * Core validates against the schema and resolves secrets before `open`; nothing here reads a file or
 * the environment. Without keys in the settings the SDK's own chain finds credentials: environment,
 * shared files, web identity, container and instance roles, renewed before they expire.
 */

import type { JsonSchema, Settings } from '../../core/index.ts';
import { type LockSettings, lockSchema } from './lock-settings.ts';

const mebibyte = 1024 * 1024;

/** Archive classes must be thawed before a read: wrong for manifests and indexes. */
export const archiveClasses: readonly string[] = ['GLACIER', 'DEEP_ARCHIVE'];

export type Checksum = 'signed' | 'sha256' | 'md5';

export interface S3Settings {
  readonly endpoint: string | undefined;
  /** The service is AWS itself, by its address. */
  readonly atAws: boolean;
  readonly region: string | undefined;
  readonly bucket: string;
  /** Empty, or ends with a slash. */
  readonly prefix: string;
  readonly pathStyle: boolean;
  readonly credentials: Credentials | undefined;
  readonly storageClass: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly encryption: 'AES256' | 'aws:kms' | undefined;
  readonly kmsKeyId: string | undefined;
  readonly checksum: Checksum;
  /** Bytes. */
  readonly partSize: number;
  readonly parallelParts: number;
  /** Bytes that parts beyond the first of each put may occupy, over all puts. */
  readonly uploadMemory: number;
  readonly maxAttempts: number;
  readonly retryDelayMs: number;
  readonly timeoutMs: number;
  readonly abortUploadsAfterMs: number;
  readonly putOnly: boolean;
  readonly objectLock: LockSettings | undefined;
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const secret = (description: string, example: string) => ({
  type: 'string',
  minLength: 1,
  'x-secret': true,
  description,
  examples: [example],
});

export const settingsSchema: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Store s3',
  description: 'Keeps objects in a bucket of any S3-compatible service.',
  type: 'object',
  additionalProperties: false,
  required: ['use', 'bucket'],
  dependentRequired: {
    accessKeyId: ['secretAccessKey'],
    secretAccessKey: ['accessKeyId'],
    sessionToken: ['accessKeyId'],
    kmsKeyId: ['encryption'],
  },
  properties: {
    use: { const: 's3' },
    endpoint: {
      type: 'string',
      pattern: '^https?://[^/?#@]+/?$',
      description: 'Address of the service; without it, AWS in the given region.',
      examples: ['https://s3.eu-west-2.amazonaws.com'],
    },
    region: {
      type: 'string',
      minLength: 1,
      description:
        'Region that signs requests; without it, us-east-1 for an endpoint, else what the AWS chain says.',
      examples: ['eu-west-2'],
    },
    bucket: {
      type: 'string',
      minLength: 3,
      maxLength: 255,
      description: 'Name of the bucket. holdfast store init --apply creates it.',
    },
    prefix: {
      type: 'string',
      pattern: '^((?!\\.{1,2}/)[A-Za-z0-9_.-]+/)*$',
      maxLength: 120,
      default: '',
      description: 'Begins every key. Empty, or ends with a slash.',
      examples: ['fleet/'],
    },
    pathStyle: {
      type: 'boolean',
      description:
        'The bucket stands in the path, not in the host name. Default: true with an endpoint outside AWS.',
    },
    accessKeyId: secret('Without keys the usual AWS chain is asked.', 'env:AWS_ACCESS_KEY_ID'),
    secretAccessKey: secret('Belongs to accessKeyId.', 'env:AWS_SECRET_ACCESS_KEY'),
    sessionToken: secret('For temporary keys; they are not renewed.', 'env:AWS_SESSION_TOKEN'),
    storageClass: {
      type: 'string',
      minLength: 1,
      pattern: `^(?!(${archiveClasses.join('|')})$)`,
      description:
        'Class of all objects. Archive classes are refused: manifests and indexes must stay readable.',
      examples: ['STANDARD_IA'],
    },
    tags: {
      type: 'object',
      maxProperties: 10,
      additionalProperties: { type: 'string', maxLength: 256 },
      description: 'Object tags, for lifecycle rules and bills. They need the right s3:PutObjectTagging.',
    },
    encryption: { enum: ['AES256', 'aws:kms'], description: 'Encryption by the service, beside our own.' },
    kmsKeyId: { type: 'string', minLength: 1, description: 'Key of the service for aws:kms.' },
    checksum: {
      enum: ['signed', 'sha256', 'md5'],
      description:
        'How the service checks what arrives: by the signed SHA-256 of the body alone (default outside AWS), by ' +
        'x-amz-checksum-sha256 as well (default on AWS), or by Content-MD5 as well.',
    },
    partSize: {
      type: 'integer',
      minimum: 5 * mebibyte,
      maximum: 1024 * mebibyte,
      default: 8 * mebibyte,
      description:
        'Bytes of a part. Smaller objects are one request. Grows by itself for objects above 1250 parts; a service that ' +
        'wants parts of one size (R2) needs a value above a 1250th of the largest object.',
    },
    parallelParts: {
      type: 'integer',
      minimum: 1,
      maximum: 64,
      default: 4,
      description: 'Parts on their way per object.',
    },
    uploadMemory: {
      type: 'integer',
      minimum: 0,
      default: 48 * mebibyte,
      description: 'Bytes of memory for parts beyond the first of each object, over all objects.',
    },
    maxAttempts: {
      type: 'integer',
      minimum: 1,
      maximum: 100,
      default: 10,
      description: 'Attempts for one request; ten last about a minute.',
    },
    retryDelayMs: {
      type: 'integer',
      minimum: 1,
      maximum: 60_000,
      default: 200,
      description: 'Milliseconds before the second attempt; doubles each time up to 20 s, with jitter.',
    },
    timeoutSeconds: {
      type: 'number',
      exclusiveMinimum: 0,
      default: 60,
      description: 'Seconds without a byte in either direction after which a request counts as failed.',
    },
    abortUploadsAfterHours: {
      type: 'number',
      exclusiveMinimum: 0,
      default: 72,
      description: 'Unfinished uploads of this server older than this are aborted by the next put.',
    },
    putOnly: {
      type: 'boolean',
      default: false,
      description: 'The credentials can write only: nothing is read, listed or removed while putting.',
    },
    objectLock: lockSchema,
  },
};

/** `settings` has passed the schema. */
export function readSettings(settings: Settings): S3Settings {
  const given = settings as unknown as Partial<S3Settings> &
    Partial<Credentials> & { bucket: string; timeoutSeconds?: number; abortUploadsAfterHours?: number };
  const atAws = given.endpoint === undefined || /\.amazonaws\.com(\.cn)?(:\d+)?\/?$/.test(given.endpoint);
  return {
    endpoint: given.endpoint,
    atAws,
    region: given.region ?? (given.endpoint === undefined ? undefined : 'us-east-1'),
    bucket: given.bucket,
    prefix: given.prefix ?? '',
    pathStyle: given.pathStyle ?? !atAws,
    credentials: readCredentials(given),
    storageClass: given.storageClass,
    tags: given.tags ?? {},
    encryption: given.encryption,
    kmsKeyId: given.kmsKeyId,
    checksum: checksumFor(given, atAws),
    partSize: given.partSize ?? 8 * mebibyte,
    parallelParts: given.parallelParts ?? 4,
    uploadMemory: given.uploadMemory ?? 48 * mebibyte,
    maxAttempts: given.maxAttempts ?? 10,
    retryDelayMs: given.retryDelayMs ?? 200,
    timeoutMs: (given.timeoutSeconds ?? 60) * 1000,
    abortUploadsAfterMs: (given.abortUploadsAfterHours ?? 72) * 3_600_000,
    putOnly: given.putOnly ?? false,
    objectLock: given.objectLock,
  };
}

/** AWS takes no locked object without a checksum of its own kind. */
function checksumFor({ checksum, objectLock }: Partial<S3Settings>, atAws: boolean): Checksum {
  const chosen = checksum ?? (atAws ? 'sha256' : 'signed');
  return chosen === 'signed' && atAws && objectLock !== undefined ? 'sha256' : chosen;
}

function readCredentials(given: Partial<Credentials>): Credentials | undefined {
  const { accessKeyId, secretAccessKey, sessionToken } = given;
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}
