/**
 * Where a capture thread's segments become objects.
 *
 * Of a full every thread makes its own. Of what has a parent the main thread does: there one thread walks, compares
 * and reads, and what it need not do shortens the run, while the main thread has little to do.
 */

import { FrameSealer, type SealedSink } from '../../archive/frame-sealer.ts';
import type { FrameTarget } from '../../archive/frames.ts';
import type { JobOutlet } from './messages.ts';

export function sealedHere(
  number: number,
  job: number,
  outlet: JobOutlet,
  publicKey: Uint8Array | null,
): FrameTarget {
  const sink: SealedSink = {
    bytes: (bytes, plainBytes) => outlet.sendBytes(job, number, bytes, plainBytes),
    done: (object) => outlet.send({ type: 'segment', job, done: { number, ...object } }),
  };
  return new FrameSealer(sink, publicKey);
}

export function handedOver(number: number, job: number, outlet: JobOutlet): FrameTarget {
  return {
    frame: (plain) => outlet.sendFrame(job, number, plain),
    end: () => outlet.send({ type: 'frames-end', job, number }),
  };
}
