/**
 * Requests to a running rclone: calls with JSON, one upload, one download. No retries: rclone repeats by
 * itself what the service behind it can be asked again.
 */

import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { text } from 'node:stream/consumers';
import { BodyFailure, RcloneLost, RcloneRefusal } from './failures.ts';
import type { RunningRclone } from './process.ts';

const agent = new Agent({ keepAlive: true });

export type Parameters = Readonly<Record<string, unknown>>;

/** @throws RcloneRefusal, RcloneLost; whatever an aborted request throws */
export async function call(
  rclone: RunningRclone,
  path: string,
  parameters: Parameters,
  signal?: AbortSignal,
): Promise<Parameters> {
  const body = JSON.stringify(parameters);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const answer = send(rclone, { path: `/${path}`, method: 'POST', headers, signal });
  answer.request.end(body);
  return objectOf(rclone, await answer.response);
}

/** Whether it still answers. A broken connection alone does not tell: the service behind it may be the cause. */
export async function isAlive(rclone: RunningRclone): Promise<boolean> {
  if (rclone.gone()) return false;
  if (!rclone.doubtful) return true;
  return call(rclone, 'rc/noop', {}).then(
    () => {
      rclone.doubtful = false;
      return true;
    },
    () => false,
  );
}

export interface Upload {
  /** Of the remote, as rclone has it. */
  readonly fs: string;
  readonly directory: string;
  readonly name: string;
  readonly body: AsyncIterable<Uint8Array>;
  /** Is given the last step, after which the upload may show. */
  readonly commit: (lastStep: () => Promise<void>) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Sends a body of unknown size; gives the number of its bytes. A body that breaks breaks the connection, so
 * that rclone gives the upload up.
 *
 * @throws RcloneRefusal, RcloneLost; BodyFailure with what the body threw
 */
export async function upload(
  rclone: RunningRclone,
  { fs, directory, name, body, commit, signal }: Upload,
): Promise<number> {
  const boundary = `holdfast${crypto.randomUUID()}`;
  const { request, response } = send(rclone, {
    path: `/operations/uploadfile?${new URLSearchParams({ fs, remote: directory })}`,
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    signal,
  });
  // Keys have no quotation marks and no backslashes.
  const disposition = `Content-Disposition: form-data; name="file"; filename="${name}"`;
  const answered = response.then((answer) => objectOf(rclone, answer));
  // An early answer is a refusal: what is left of the body is not sent, and a write that waits fails.
  answered.catch(() => request.destroy());
  const write = (chunk: Uint8Array | string) =>
    new Promise<void>((resolve, reject) => {
      request.write(chunk, (error) =>
        error ? answered.then(() => reject(lost(rclone, error)), reject) : resolve(),
      );
    });
  let total = 0;
  try {
    await write(`--${boundary}\r\n${disposition}\r\nContent-Type: application/octet-stream\r\n\r\n`);
    for await (const chunk of fromCaller(body)) {
      if (chunk.length === 0) continue;
      total += chunk.length;
      await write(chunk);
    }
    await commit(async () => {
      request.end(`\r\n--${boundary}--\r\n`);
      await answered;
    });
    return total;
  } catch (error) {
    request.destroy();
    throw error;
  }
}

async function* fromCaller(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    throw new BodyFailure('the body broke', { cause });
  }
}

/** The answer as it begins; its status is the caller's to look at, as is its end. */
export function download(
  rclone: RunningRclone,
  fs: string,
  path: string,
  range: string | null,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const place = path.split('/').map(encodeURIComponent).join('/');
  const { request, response } = send(rclone, {
    path: `/${encodeURIComponent(`[${fs}]`)}/${place}`,
    method: 'GET',
    headers: range === null ? {} : { range },
    signal,
  });
  request.end();
  return response;
}

function send(rclone: RunningRclone, options: RequestOptions) {
  const { port, authorization } = rclone;
  const headers = { ...options.headers, authorization };
  const request = httpRequest({ ...options, host: '127.0.0.1', port, agent, headers });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', (error) => reject(lost(rclone, error)));
  });
  response.catch(() => {});
  return { request, response };
}

/** The connection broke. Its process has most likely ended, and may have said why. */
export function lost(rclone: RunningRclone, error: unknown): RcloneLost {
  rclone.doubtful = true;
  const reason = error instanceof Error ? error.message : String(error);
  return new RcloneLost(rclone.lastWords() || reason, { cause: error });
}

/** @throws RcloneRefusal the answer tells a failure */
export async function objectOf(rclone: RunningRclone, answer: IncomingMessage): Promise<Parameters> {
  const said = await text(answer).catch((error: unknown) => {
    throw lost(rclone, error);
  });
  let value: unknown;
  try {
    value = JSON.parse(said);
  } catch {
    value = null;
  }
  const status = answer.statusCode ?? 0;
  const object = typeof value === 'object' && value !== null ? (value as Parameters) : {};
  if (status === 200) return object;
  throw new RcloneRefusal(status, String(object['error'] ?? said));
}
