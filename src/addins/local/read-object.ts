/** Reads an object or a range of it, and never ends short in silence. */

import { constants, type FileHandle, open } from 'node:fs/promises';
import { type GetRequest, HoldfastError, throwIfInterrupted } from '../../core/index.ts';
import { pathOf } from './layout.ts';
import { errnoOf, storeError, system } from './system-error.ts';

/** A frame of a segment comes in one piece. */
const readBytes = 4 * 1024 * 1024;
// O_NONBLOCK: a FIFO that lies in the store must not make the open wait.
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export async function* readObject(root: string, request: GetRequest): AsyncGenerator<Uint8Array> {
  throwIfInterrupted(request.signal, `get of ${request.key}`);
  const { handle, sizeBytes } = await openObject(root, request);
  yield* readOpened(handle, sizeBytes, request);
}

/** Reads what is open already, and closes it. */
export async function* readOpened(
  handle: FileHandle,
  sizeBytes: number,
  { key, range, signal }: GetRequest,
): AsyncGenerator<Uint8Array> {
  const what = `get of ${key}`;
  try {
    const { offset, length } = range ?? { offset: 0, length: sizeBytes };
    if (offset + length > sizeBytes) {
      throw new HoldfastError(
        'OBJECT_DAMAGED',
        `object ${key} has ${sizeBytes} bytes, ${offset + length} are wanted`,
      );
    }
    for (let position = offset; position < offset + length; ) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(readBytes, offset + length - position));
      const { bytesRead } = await handle
        .read(buffer, 0, buffer.length, position)
        .catch((error) =>
          Promise.reject(isBroken(error) ? broken(key, error) : storeError(error, `cannot read ${key}`)),
        );
      if (bytesRead === 0) {
        throw new HoldfastError(
          'OBJECT_DAMAGED',
          `object ${key} ends at ${position} of ${offset + length} bytes`,
        );
      }
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
      throwIfInterrupted(signal, what);
    }
  } finally {
    await handle.close();
  }
}

/** A regular file of that key, open, and its size. Whoever calls closes it. */
export async function openObject(
  root: string,
  { key, version }: GetRequest,
): Promise<{ readonly handle: FileHandle; readonly sizeBytes: number }> {
  // There are no versions here, so whoever asks for one means an object of another store.
  if (version !== undefined) throw missing(`${key} version ${version}`);
  const handle = await openByKey(root, key);
  try {
    const stat = await system(`cannot read ${key}`, handle.stat());
    if (!stat.isFile()) throw missing(key);
    return { handle, sizeBytes: stat.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openByKey(root: string, key: string): Promise<FileHandle> {
  try {
    return await open(pathOf(root, key), openFlags);
  } catch (error) {
    if (isAbsent(error)) throw missing(key);
    if (error instanceof TypeError) throw error;
    if (isBroken(error)) throw broken(key, error);
    throw storeError(error, `cannot read ${key} of the store ${root}`);
  }
}

/** Whether a path leads nowhere: no such name, or a file where a directory would be. */
export function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ENXIO'].includes(errnoOf(error) ?? '');
}

/** One object that the disk or its file system cannot give any more: a bad sector, a wrong checksum. Others may be whole. */
const isBroken = (error: unknown): boolean => ['EIO', 'EUCLEAN', 'EBADMSG'].includes(errnoOf(error) ?? '');

const broken = (key: string, cause: unknown): HoldfastError =>
  new HoldfastError('OBJECT_DAMAGED', `object ${key} cannot be read from its disk: ${errnoOf(cause)}`, {
    cause,
    hint: 'Look at the disk (dmesg, smartctl) before anything else; then `holdfast verify` shows what is affected, and `holdfast repair` takes it from a copy.',
  });

function missing(what: string): HoldfastError {
  return new HoldfastError('OBJECT_MISSING', `there is no object ${what}`);
}
