/**
 * One SDK client per store, and the few things the SDK leaves open.
 *
 * A body's SHA-256 is signed, so that any service that checks signatures also checks bytes. It is computed
 * at once: the thread pool would first copy every part, which costs the processor more than the hash. A write or a read counts only when the answer names the object: a 200
 * that holds an error instead is a failure. The service's clock is handed on with each answer.
 */

import { hash } from 'node:crypto';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { scanListings } from './listed-objects.ts';
import { PatientRetries } from './retry.ts';
import type { ServiceClock } from './service-clock.ts';
import type { S3Settings } from './settings.ts';

/** Answers of these carry an ETag, always. */
const tagged = new Set([
  'PutObjectCommand',
  'UploadPartCommand',
  'CompleteMultipartUploadCommand',
  'GetObjectCommand',
  'HeadObjectCommand',
]);

interface Request {
  headers: Record<string, string>;
  body?: unknown;
}

interface Output {
  ETag?: unknown;
  Body?: { destroy?: () => void };
  $metadata: { httpStatusCode?: number };
}

const dates = new WeakMap<object, number>();

/** The service's own clock when it answered; null where it did not tell. */
export function answeredAtMs(output: object): number | null {
  return dates.get(output) ?? null;
}

/** `clock` is told of each answer. */
export function makeClient(settings: S3Settings, clock?: ServiceClock): S3Client {
  const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
  const config: S3ClientConfig = {
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    ...(settings.region === undefined ? {} : { region: settings.region }),
    ...(settings.credentials === undefined ? {} : { credentials: settings.credentials }),
    forcePathStyle: settings.pathStyle,
    // Other services refuse the SDK's newer trailing checksums; see docs/s3.md.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It costs a round trip and a new connection for each part.
    expectContinueHeader: false,
    maxAttempts: settings.maxAttempts,
    retryStrategy: new PatientRetries(settings.maxAttempts, settings.retryDelayMs),
    requestHandler: {
      connectionTimeout: Math.min(settings.timeoutMs, 10_000),
      socketTimeout: settings.timeoutMs,
      httpAgent: { maxSockets: 256, keepAlive: true },
      httpsAgent: { maxSockets: 256, keepAlive: true },
      logger: silent,
    },
    logger: silent,
  };
  const client = new S3Client(config);
  client.middlewareStack.add(
    (next) => async (args) => {
      signBody(args.request as Request, settings);
      return next(args);
    },
    { step: 'build', name: 'holdfastBodyHash' },
  );
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      const output = result.output as Output;
      if (tagged.has(context.commandName ?? '') && typeof output.ETag !== 'string') {
        output.Body?.destroy?.();
        throw Object.assign(new Error('a success without an ETag'), {
          name: 'ErrorInSuccess',
          $metadata: { httpStatusCode: 200 },
        });
      }
      const { headers } = result.response as { headers?: Record<string, string> };
      const date = Date.parse(headers?.['date'] ?? '');
      if (Number.isFinite(date)) {
        dates.set(output, date);
        clock?.heard(date);
      }
      return result;
    },
    { step: 'deserialize', name: 'holdfastAnswer', priority: 'high' },
  );
  scanListings(client);
  return client;
}

function signBody(request: Request, settings: S3Settings): void {
  const { headers, body } = request;
  if (!(body instanceof Uint8Array) || body.length === 0) return;
  const known = headers['x-amz-checksum-sha256'];
  headers['x-amz-content-sha256'] =
    known === undefined ? hash('sha256', body, 'hex') : Buffer.from(known, 'base64').toString('hex');
  if (settings.checksum === 'md5') headers['content-md5'] = hash('md5', body, 'base64');
}
