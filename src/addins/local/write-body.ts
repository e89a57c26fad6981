/** Writes a body into an open file and makes it durable. Chunks may be of any size. */

import type { FileHandle } from 'node:fs/promises';
import { HoldfastError, interruptible, type PutRequest } from '../../core/index.ts';
import { PieceWriter } from './piece-writer.ts';
import { system } from './system-error.ts';

/** Gives the number of bytes written. Errors of the body pass through as they are. */
export async function writeBody(handle: FileHandle, request: PutRequest): Promise<number> {
  const { key, sizeBytes } = request;
  const what = `cannot write ${key}`;
  const writer = new PieceWriter(handle);
  let total = 0;
  try {
    for await (const chunk of interruptible(request.body, request.signal, `put of ${key}`)) {
      total += chunk.length;
      if (sizeBytes !== undefined && total > sizeBytes)
        throw wrongSize(key, `more than ${sizeBytes}`, sizeBytes);
      await system(what, writer.write(chunk));
    }
    if (sizeBytes !== undefined && total !== sizeBytes) throw wrongSize(key, String(total), sizeBytes);
    await system(what, writer.finish());
  } finally {
    await writer.close();
  }
  return total;
}

function wrongSize(key: string, actual: string, declared: number): HoldfastError {
  return new HoldfastError('INTERNAL', `body of ${key} has ${actual} bytes, not the declared ${declared}`);
}
