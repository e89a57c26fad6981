/**
 * When a request is tried again, and after how long. Plugs into the SDK's retry loop.
 *
 * The SDK's own strategy shares one budget of about 35 retries over all requests of a client, which a
 * gateway's restart uses up in half a second. A backup would rather wait than fail, so here each
 * request has its own attempts, with the SDK's rules for what is worth another one.
 */

import { randomInt } from 'node:crypto';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { answerOf } from './failures.ts';

type Strategy = Exclude<NonNullable<S3ClientConfig['retryStrategy']>, { retry: unknown }>;
type Token = Awaited<ReturnType<Strategy['acquireInitialRetryToken']>>;
type ErrorInfo = Parameters<Strategy['refreshRetryTokenForRetry']>[1];

const longestDelayMs = 20_000;

/** Errors that the SDK takes for the caller's although the way there made them. */
const damagedOnTheWay = new Set([
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'XAmzContentChecksumMismatch',
  'IncompleteBody',
  // Another conditional write to the key was under way; S3 asks for the request again.
  'ConditionalRequestConflict',
  'OperationAborted',
]);

export class PatientRetries implements Strategy {
  readonly mode = 'standard';
  readonly #maxAttempts: number;
  readonly #firstDelayMs: number;

  constructor(maxAttempts: number, firstDelayMs: number) {
    this.#maxAttempts = maxAttempts;
    this.#firstDelayMs = firstDelayMs;
  }

  async maxAttempts(): Promise<number> {
    return this.#maxAttempts;
  }

  async acquireInitialRetryToken(): Promise<Token> {
    return token(0, 0);
  }

  async refreshRetryTokenForRetry(last: Token, info: ErrorInfo): Promise<Token> {
    const retries = last.getRetryCount() + 1;
    if (retries >= this.#maxAttempts || !isWorthAnother(info)) throw new Error('no further attempt');
    const throttled = info.errorType === 'THROTTLING' ? 2 : 1;
    return token(retries, backoffMs(throttled * this.#firstDelayMs, retries));
  }

  recordSuccess(): void {}
}

/**
 * Milliseconds before the n-th repetition, from 1: doubling, half of it fixed so that it helps, half at
 * random so that many clients do not come back all at once.
 */
export function backoffMs(firstDelayMs: number, repetition: number): number {
  const half = Math.ceil(Math.min(longestDelayMs, firstDelayMs * 2 ** (repetition - 1)) / 2);
  return half + randomInt(half + 1);
}

function isWorthAnother({ errorType, error }: ErrorInfo): boolean {
  if (errorType === 'THROTTLING' || errorType === 'TRANSIENT') return true;
  const { name, status } = answerOf(error);
  if (name === 'AbortError' || name === 'CredentialsProviderError') return false;
  // A success that cannot be read, or no answer at all.
  return damagedOnTheWay.has(name) || (status >= 200 && status < 300) || isBrokenAnswer(error);
}

function isBrokenAnswer(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return (
    typeof code === 'string' &&
    /^(HPE_|ERR_STREAM_PREMATURE_CLOSE|ECONN|EPIPE|EAI_|EHOST|ENET|ETIMEDOUT)/.test(code)
  );
}

function token(retries: number, delayMs: number): Token {
  return { getRetryCount: () => retries, getRetryDelay: () => delayMs };
}
