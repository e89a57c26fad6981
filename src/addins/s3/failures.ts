/**
 * Turns what the SDK throws into errors of ours.
 *
 * SDK errors carry the response and, through it, request headers with tokens; none of that goes
 * further. The cause kept is a plain error with the service's code, status and request id.
 */

import { type ErrorCode, HoldfastError, isHoldfastError, throwIfInterrupted } from '../../core/index.ts';

/** What the service said, as far as it said anything. */
export interface Answer {
  /** The service's error code, else the name or code of a local error. */
  readonly name: string;
  /** The service gave a code. */
  readonly coded: boolean;
  /** 0 where no answer came. */
  readonly status: number;
  /** Attempts made, the last included. */
  readonly attempts: number;
}

/** Carries an error of the caller's body through the SDK unchanged. */
export class BodyFailure extends Error {}

export function answerOf(error: unknown): Answer {
  const given = (error ?? {}) as {
    name?: unknown;
    Code?: unknown;
    code?: unknown;
    $metadata?: { httpStatusCode?: number; attempts?: number };
  };
  const names = [given.Code, given.name === 'Error' ? given.code : given.name, given.name];
  const name = names.find((candidate) => typeof candidate === 'string' && candidate !== '');
  return {
    name: String(name ?? 'unknown')
      .replace(/[^A-Za-z0-9_.:-]/g, '')
      .slice(0, 80),
    coded: typeof given.Code === 'string' && given.Code !== '',
    status: given.$metadata?.httpStatusCode ?? 0,
    attempts: given.$metadata?.attempts ?? 1,
  };
}

/** The key, version, upload or bucket is not there. A 404 to HEAD has no code. */
export function isAbsent(error: unknown): boolean {
  const { name, status } = answerOf(error);
  return (status === 404 && name !== 'NoSuchBucket') || name === 'NoSuchKey' || name === 'NoSuchVersion';
}

export function isDenied(error: unknown): boolean {
  const { name, status } = answerOf(error);
  return (status === 401 || status === 403) && name !== 'QuotaExceeded' && name !== 'InvalidObjectState';
}

interface Meaning {
  readonly code: ErrorCode;
  readonly says: string;
  readonly hint?: string;
}

const full: Meaning = {
  code: 'STORE_FULL',
  says: 'the bucket is full',
  hint: 'Raise the quota of the bucket or prune snapshots.',
};
const wrongRegion: Meaning = {
  code: 'CONFIG_INVALID',
  says: 'the bucket is in another region',
  hint: 'Set "region" and "endpoint" to those of the bucket.',
};
const noRegion: Meaning = {
  code: 'CONFIG_INVALID',
  says: 'no region is known',
  hint: 'Set "region" to that of the bucket.',
};
const notS3: Meaning = {
  code: 'STORE_UNAVAILABLE',
  says: 'what answers there does not answer like S3',
  hint: 'Check "endpoint": it may be that of a web server, or lack a part.',
};
const expired: Meaning = {
  code: 'STORE_DENIED',
  says: 'the credentials have expired',
  hint: 'Renew the session token, or leave the keys out so that a role renews them.',
};
const badKeys: Meaning = {
  code: 'STORE_DENIED',
  says: 'the service does not accept the keys',
  hint: 'Check accessKeyId and secretAccessKey.',
};

const meanings: Readonly<Record<string, Meaning>> = {
  QuotaExceeded: full,
  InsufficientStorage: full,
  InsufficientCapacity: full,
  StorageFull: full,
  XMinioStorageFull: full,
  PermanentRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  InvalidToken: expired,
  InvalidAccessKeyId: badKeys,
  SignatureDoesNotMatch: badKeys,
  CredentialsProviderError: {
    code: 'STORE_DENIED',
    says: 'no credentials were found',
    hint: 'Set accessKeyId and secretAccessKey, or give this machine a role.',
  },
  RequestTimeTooSkewed: {
    code: 'STORE_DENIED',
    says: "this machine's clock is wrong",
    hint: 'Set the clock of this machine.',
  },
  NoSuchBucket: {
    code: 'STORE_UNAVAILABLE',
    says: 'there is no such bucket',
    hint: 'Create the bucket, correct its name, or run holdfast store init --apply.',
  },
  InvalidStorageClass: {
    code: 'CONFIG_INVALID',
    says: 'the service does not know the storage class',
    hint: 'Correct "storageClass" in the settings of the store.',
  },
  InvalidObjectState: {
    code: 'STORE_UNAVAILABLE',
    says: 'the object is archived',
    hint: 'Restore the object from its archive class first, then try again.',
  },
  InvalidRange: { code: 'OBJECT_DAMAGED', says: 'the range lies outside the object' },
};

/** The credentials are good, and lack the right. */
export function isRightLacking(error: unknown): boolean {
  return isDenied(error) && meanings[answerOf(error).name] === undefined;
}

/** `what` is what was tried, e.g. `get data/x of bucket b`. Errors of ours pass unchanged. */
export function asFailure(error: unknown, what: string, signal: AbortSignal): unknown {
  if (error instanceof BodyFailure) return error.cause;
  if (isHoldfastError(error)) return error;
  try {
    throwIfInterrupted(signal, what);
  } catch (interruption) {
    return interruption;
  }
  const { code, says, hint } = meaningOf(error);
  return new HoldfastError(code, `cannot ${what}: ${says}`, {
    cause: plainCause(error),
    ...(hint === undefined ? {} : { hint }),
  });
}

function meaningOf(error: unknown): Meaning {
  const answer = answerOf(error);
  const known = meanings[answer.name];
  if (/^Region is missing/.test(String((error as Error | undefined)?.message))) return noRegion;
  if (known !== undefined) return known;
  if (answer.status === 507) return full;
  if (answer.status === 416) return meanings['InvalidRange']!;
  if (answer.status === 301 || answer.status === 307) return wrongRegion;
  // S3 says with a code what is missing, but to HEAD, and who asks that takes a 404 for an answer.
  if (answer.status === 404 && !answer.coded) return notS3;
  if (isAbsent(error)) return { code: 'OBJECT_MISSING', says: 'there is no such object' };
  if (isDenied(error)) {
    return {
      code: 'STORE_DENIED',
      says: `the service refuses it (${answer.name})`,
      hint: 'Compare the rights of the credentials with docs/s3.md.',
    };
  }
  const times = answer.attempts === 1 ? '' : ` after ${answer.attempts} attempts`;
  if (answer.status !== 0) {
    return { code: 'STORE_UNAVAILABLE', says: `${answer.name}, status ${answer.status}${times}` };
  }
  return {
    code: 'STORE_UNAVAILABLE',
    says: `no usable answer (${networkCode(error) ?? answer.name})${times}`,
    hint: 'Check "endpoint" and the network, then run the command again.',
  };
}

/** The SDK calls every broken connection a TimeoutError; the system's code says more. */
function networkCode(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^[A-Z0-9_]{3,40}$/.test(code) ? code : undefined;
}

function plainCause(error: unknown): Error {
  const { name, status } = answerOf(error);
  const requestId = (error as { $metadata?: { requestId?: unknown } })?.$metadata?.requestId;
  const shown =
    typeof requestId === 'string' ? `, request ${requestId.replace(/[^A-Za-z0-9_./+=-]/g, '')}` : '';
  return new Error(`s3: ${name}, status ${status}${shown}`);
}
