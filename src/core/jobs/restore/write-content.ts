/**
 * Writes the content of one file into a new, empty one, holes and all, and checks it on the way.
 */

import { writeSync } from 'node:fs';
import { type Content, hasHoles } from '../../archive/entry.ts';
import { HoldfastError } from '../../errors.ts';
import { flushData } from '../../filesystem/flush.ts';
import { errnoName, truncateFd } from '../../filesystem/native.ts';
import { systemCode } from '../../system-code.ts';
import { eachRange } from './contents.ts';
import type { Frames } from './frames.ts';

/**
 * @throws OBJECT_DAMAGED its hash is not the one captured
 * @throws TARGET_UNWRITABLE the target refuses it; the message ends in the errno's name
 */
export async function writeContent(fd: number, content: Content, frames: Frames): Promise<void> {
  if (hasHoles(content)) truncate(fd, content.size);
  const digest = await eachRange(content, frames, (data, offset) => writeAt(fd, data, offset));
  if (content.sha256 === null || !digest.equals(content.sha256)) {
    throw new HoldfastError('OBJECT_DAMAGED', 'its content does not have the hash it was captured with', {
      hint: 'Restore this path from another snapshot, and run `holdfast verify --read-data`.',
    });
  }
  // It had its size before its content: with its time as well, it would pass for complete after a loss of power.
  if (hasHoles(content)) flushData(fd);
}

/** @throws TARGET_UNWRITABLE; the message ends in the errno's name */
export function writeAt(fd: number, data: Buffer, offset: number): void {
  try {
    for (let done = 0; done < data.length; )
      done += writeSync(fd, data, done, data.length - done, offset + done);
  } catch (cause) {
    throw new HoldfastError('TARGET_UNWRITABLE', `cannot write: ${systemCode(cause)}`, {
      cause,
      hint: 'Make room (or raise the quota) and go on with --resume.',
    });
  }
}

function truncate(fd: number, size: number): void {
  const rc = truncateFd(fd, size);
  if (rc < 0) {
    throw new HoldfastError('TARGET_UNWRITABLE', `cannot set the size ${size}: ${errnoName(rc)}`, {
      hint: 'The target file system may not hold files of this size.',
    });
  }
}
