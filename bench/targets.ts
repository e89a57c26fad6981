/** What must be reached, on two cores and a warm cache; with a cold one nothing is asked for. */

import type { MeasurementName, PeerName, StoreName } from './options.ts';

export interface Targets {
  /** Most that the ratio of wall times, ours to theirs, may be. */
  readonly ratios: Partial<Record<MeasurementName, Partial<Record<PeerName, number>>>>;
  /** Seconds that the median of our own wall times must stay below. */
  readonly seconds: Partial<Record<MeasurementName, number>>;
}

export const targetsOf: Readonly<Record<StoreName, Targets>> = {
  local: {
    ratios: { backup: { restic: 0.6, tar: 0.75 }, encrypted: { restic: 0.65 }, restore: { restic: 0.7 } },
    seconds: { 'one-file': 0.25, version: 0.1 },
  },
  s3: { ratios: { backup: { restic: 0.6 }, encrypted: { restic: 0.65 } }, seconds: {} },
};

/** Bytes that no process of ours may reach in any measurement. */
export const peakBytesTarget = 350_000_000;

/** Fewer pairs or a smaller tree prove nothing. */
export const fewestPairs = 5;
