/**
 * Sends a stream of bytes in few large frames, as far as the other side has credit for it.
 *
 * Small chunks are gathered by copying; large ones leave as they are before the next one is asked for, because
 * a chunk is its producer's again from then on.
 */

import type { Channel } from './channel.ts';
import type { Credit } from './credit.ts';
import { largestData } from './frames.ts';

const gatherBytes = 256 * 1024;
/** Buffers to be used again: a run over many small accounts would otherwise collect garbage most of the time. */
const spare: Buffer[] = [];
const mostSpare = 8;

export interface Sending {
  readonly channel: Channel;
  readonly id: number;
  readonly credit: Credit;
  /** Hears of every frame. */
  readonly onSent: () => void;
}

/** True: all was sent. False: the other side wants no more of it. Errors of the body pass through. */
export async function sendBody(body: AsyncIterable<Uint8Array>, sending: Sending): Promise<boolean> {
  const gathered = spare.pop() ?? Buffer.allocUnsafeSlow(gatherBytes);
  let filled = 0;
  const flush = async (): Promise<boolean> => {
    const bytes = gathered.subarray(0, filled);
    filled = 0;
    return bytes.length === 0 || (await sendBytes(bytes, sending));
  };
  try {
    for await (const chunk of body) {
      // Anything else would count as no bytes at all.
      if (!(chunk instanceof Uint8Array))
        throw new Error(`a piece of the bytes is no Uint8Array: ${typeof chunk}`);
      if (filled + chunk.length > gatherBytes && !(await flush())) return false;
      if (chunk.length > gatherBytes) {
        if (!(await sendBytes(chunk, sending))) return false;
      } else {
        gathered.set(chunk, filled);
        filled += chunk.length;
      }
    }
    return await flush();
  } finally {
    if (spare.length < mostSpare) spare.push(gathered);
  }
}

async function sendBytes(bytes: Uint8Array, { channel, id, credit, onSent }: Sending): Promise<boolean> {
  for (let at = 0; at < bytes.length; ) {
    const length = await credit.take(Math.min(largestData, bytes.length - at));
    if (length === 0) return false;
    onSent();
    await channel.data(id, bytes.subarray(at, at + length));
    at += length;
  }
  return true;
}
