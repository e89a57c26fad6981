/** Reads files that somebody may have put something else in the place of. */

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * All bytes of a regular file; null of anything else. Never waits: opening a FIFO otherwise lasts until somebody
 * writes into it. Follows links.
 *
 * @throws a system error where it cannot be opened or read
 */
export async function readRegularFile(path: string): Promise<Buffer | null> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return (await handle.stat()).isFile() ? await handle.readFile() : null;
  } finally {
    await handle.close();
  }
}
