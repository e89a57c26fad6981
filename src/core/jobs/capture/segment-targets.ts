/**
 * Where a capture thread's segments become objects.
 *
 * Of a full every thread makes its own. Of what has a parent the main thread does: there one thread walks, compares
 * and reads, and what it need not do shortens the run, while the main thread has little to do.
 */

import type { FrameTarget } from '../../archive/frames.ts';
import type { JobOutlet } from './messages.ts';
import { SegmentSealer } from './segment-sealer.ts';

export function sealedHere(
  number: number,
  job: number,
  outlet: JobOutlet,
  publicKey: Uint8Array | null,
): FrameTarget {
  return new SegmentSealer(
    number,
    {
      bytes: (_, bytes, plainBytes) => outlet.sendBytes(job, number, bytes, plainBytes),
      done: (done) => outlet.send({ type: 'segment', job, done }),
    },
    publicKey,
  );
}

export function handedOver(number: number, job: number, outlet: JobOutlet): FrameTarget {
  return {
    frame: (plain) => outlet.sendFrame(job, number, plain),
    end: () => outlet.send({ type: 'frames-end', job, number }),
  };
}
