/** Moves the bytes of objects into and out of files that the process of a store has opened for us. */

import type { FileHandle } from 'node:fs/promises';
import type { GetRequest, PutRequest } from '../../core/index.ts';
import { readOpened } from './read-object.ts';
import { writeBody } from './write-body.ts';

export const fileBodies = {
  /** Durable afterwards; the file stays open. Gives the number of bytes written. */
  write: (handle: FileHandle, request: PutRequest): Promise<number> => writeBody(handle, request),

  /** Closes the file at the end, whatever the end is. */
  async *read(handle: FileHandle, request: GetRequest): AsyncGenerator<Uint8Array> {
    yield* readOpened(handle, (await handle.stat()).size, request);
  },
};
