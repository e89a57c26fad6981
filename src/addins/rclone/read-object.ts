/** Reads an object or a range of it, and never ends short in silence. */

import type { IncomingMessage } from 'node:http';
import { type GetRequest, HoldfastError, throwIfInterrupted } from '../../core/index.ts';
import { asFailure } from './failures.ts';
import type { Remote } from './remote.ts';
import { download, lost, objectOf } from './requests.ts';
import type { Turns } from './turns.ts';

export async function* readObject(
  remote: Remote,
  turns: Turns,
  request: GetRequest,
): AsyncGenerator<Uint8Array> {
  const { key, range, signal } = request;
  const what = `get ${key} from ${remote.fs}`;
  let answer: IncomingMessage | undefined;
  try {
    throwIfInterrupted(signal, what);
    // There are no versions here, so whoever asks for one means an object of another store.
    if (request.version !== undefined) throw missing(`${key} version ${request.version}`);
    if (range?.length === 0) return await inside(remote, request);
    const { rclone } = await remote.ready(signal);
    const wanted = range === undefined ? null : `bytes=${range.offset}-${range.offset + range.length - 1}`;
    answer = await turns.take(key, () => download(rclone, remote.fs, key, wanted, signal));
    if (answer.statusCode !== 200 && answer.statusCode !== 206) {
      // rclone says the same of a directory and of a broken disk; the remote knows.
      await inside(remote, request);
      await objectOf(rclone, answer);
      throw new HoldfastError('STORE_UNAVAILABLE', `cannot ${what}: rclone answers ${answer.statusCode}`);
    }
    const expected = bytesToCome(answer, request);
    let seen = 0;
    try {
      for await (const chunk of answer) {
        seen += chunk.length;
        yield chunk as Buffer;
        throwIfInterrupted(signal, what);
      }
    } catch (error) {
      if (error instanceof HoldfastError) throw error;
      throw asFailure(lost(rclone, error), `${what} beyond ${seen} of ${expected} bytes`, signal);
    }
    if (seen !== expected) {
      throw new HoldfastError('STORE_UNAVAILABLE', `${key} ends after ${seen} of ${expected} bytes`);
    }
  } catch (error) {
    throw asFailure(error, what, signal);
  } finally {
    answer?.destroy();
  }
}

/** @throws OBJECT_MISSING, OBJECT_DAMAGED the object is not there, or shorter than the range */
async function inside(remote: Remote, { key, range, signal }: GetRequest): Promise<void> {
  const found = await remote.stat(key, signal);
  if (found === null) throw missing(key);
  if (range !== undefined) insideOf(key, range.offset + range.length, found.sizeBytes);
}

function bytesToCome(answer: IncomingMessage, { key, range }: GetRequest): number {
  if (range === undefined) return Number(answer.headers['content-length']);
  const total = /\/(?<total>\d+)$/.exec(answer.headers['content-range'] ?? '')?.groups?.['total'];
  if (total === undefined) throw new HoldfastError('STORE_UNAVAILABLE', `rclone gives no range of ${key}`);
  insideOf(key, range.offset + range.length, Number(total));
  return range.length;
}

function insideOf(key: string, end: number, sizeBytes: number): void {
  if (end <= sizeBytes) return;
  throw new HoldfastError('OBJECT_DAMAGED', `object ${key} has ${sizeBytes} bytes, ${end} are wanted`);
}

function missing(what: string): HoldfastError {
  return new HoldfastError('OBJECT_MISSING', `there is no object ${what}`);
}
