/** A segment that becomes an object in the thread that fills it: compressed, encrypted where there is a key, and hashed. */

import { FrameSealer } from '../../archive/frame-sealer.ts';
import type { FrameTarget } from '../../archive/frames.ts';
import type { JobOutlet } from './messages.ts';

export const sealedSegment = (
  number: number,
  job: number,
  outlet: Pick<JobOutlet, 'send' | 'sendBytes'>,
  publicKey: Uint8Array | null,
): FrameTarget =>
  new FrameSealer(
    {
      bytes: (bytes, plainBytes) => outlet.sendBytes(job, number, bytes, plainBytes),
      done: (object) => outlet.send({ type: 'segment', job, done: { number, ...object } }),
    },
    publicKey,
  );
