/**
 * The content of one file, put together from frames in order, and its hash on the way.
 */

import { createHash, hash } from 'node:crypto';
import { type Content, hasHoles } from '../../archive/entry.ts';
import { hashRange } from '../../archive/hash-range.ts';
import type { Frames } from './frames.ts';

/**
 * Runs over a file's data in order and returns its hash as docs/format.md, section 4, defines it. Where
 * `take` gives a promise, the next piece waits for it.
 */
export async function eachRange(
  content: Content,
  frames: Frames,
  take: (data: Buffer, offset: number) => unknown,
): Promise<Buffer> {
  const sparse = hasHoles(content);
  const [only] = content.extents;
  if (!sparse && only !== undefined && content.extents.length === 1) {
    const refs = frames.covering(only.object, only.tarOffset, only.length);
    if (refs.length === 1) {
      const plain = frames.peek(refs[0]!) ?? (await frames.plain(refs[0]!));
      const start = only.tarOffset - frames.plainStart(refs[0]!);
      const data = plain.subarray(start, start + only.length);
      const taken = take(data, 0);
      if (taken instanceof Promise) await taken;
      return hash('sha256', data, 'buffer');
    }
  }
  const digest = createHash('sha256');
  let rangeEnd = -1;
  for (const [i, { object, tarOffset, length, offset }] of content.extents.entries()) {
    if (sparse && offset !== rangeEnd) {
      let whole = length;
      for (let j = i + 1; content.extents[j]?.offset === offset + whole; j++)
        whole += content.extents[j]!.length;
      hashRange(digest, offset, whole);
    }
    rangeEnd = offset + length;
    for (const ref of frames.covering(object, tarOffset, length)) {
      const plain = frames.peek(ref) ?? (await frames.plain(ref));
      const start = frames.plainStart(ref);
      const from = Math.max(tarOffset, start);
      const to = Math.min(tarOffset + length, start + plain.length);
      const data = plain.subarray(from - start, to - start);
      digest.update(data);
      const taken = take(data, offset + (from - tarOffset));
      if (taken instanceof Promise) await taken;
    }
  }
  return digest.digest();
}
