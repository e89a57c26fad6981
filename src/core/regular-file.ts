/** Reads files that somebody may have put something else in the place of. */

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * All bytes of a regular file; null of anything else. Never waits: opening a FIFO otherwise lasts until somebody
 * writes into it.
 *
 * @param options.follow false: a link at the end of the path is not followed, but an error (ELOOP)
 * @param options.mostBytes a larger one counts as none
 * @throws a system error where it cannot be opened or read
 */
export async function readRegularFile(
  path: string,
  { follow = true, mostBytes = Number.POSITIVE_INFINITY } = {},
): Promise<Buffer | null> {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  const handle = await open(path, O_RDONLY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
  try {
    const stat = await handle.stat();
    return stat.isFile() && stat.size <= mostBytes ? await handle.readFile() : null;
  } finally {
    await handle.close();
  }
}
