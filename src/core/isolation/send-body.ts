/**
 * Sends a stream of bytes in few large frames, as far as the other side has credit for it.
 *
 * Small chunks are gathered by copying; large ones have left as they are before the next one is asked for, because
 * a chunk is its producer's again from then on, and its memory may be gone.
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

/**
 * True: all of it is on its way, in order before whatever is sent from now on. False: the other side wants no more of it.
 * Errors of the body pass through.
 */
export async function sendBody(body: AsyncIterable<Uint8Array>, sending: Sending): Promise<boolean> {
  const { channel, id, credit, onSent } = sending;
  const gathered = spare.pop() ?? Buffer.allocUnsafeSlow(gatherBytes);
  let filled = 0;
  /** Settles when nothing is on its way any more. */
  let left: Promise<void> | null = null;
  const send = async (bytes: Uint8Array): Promise<boolean> => {
    for (let at = 0; at < bytes.length; ) {
      const length = await credit.take(Math.min(largestData, bytes.length - at));
      if (length === 0) {
        // The rest of the chunk is its producer's as soon as we leave, but what of it was sent before is still on its way.
        await left;
        return false;
      }
      onSent();
      left = channel.data(id, bytes.subarray(at, at + length));
      at += length;
    }
    return true;
  };
  try {
    for await (const chunk of body) {
      // Anything else would count as no bytes at all.
      if (!(chunk instanceof Uint8Array))
        throw new Error(`a piece of the bytes is no Uint8Array: ${typeof chunk}`);
      if (filled + chunk.length > gatherBytes) {
        if (!(await send(gathered.subarray(0, filled)))) return false;
        filled = 0;
        await left;
      }
      if (chunk.length > gatherBytes) {
        if (!(await send(chunk))) return false;
        await left;
      } else {
        gathered.set(chunk, filled);
        filled += chunk.length;
      }
    }
    return await send(gathered.subarray(0, filled));
  } finally {
    void keepForLater(gathered, left);
  }
}

async function keepForLater(buffer: Buffer, left: Promise<void> | null): Promise<void> {
  await left;
  if (spare.length < mostSpare) spare.push(buffer);
}
