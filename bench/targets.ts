/** What must be reached, on two cores and a warm cache. */

import type { MeasurementName, PeerName } from './options.ts';

/** Most that the ratio of wall times, ours to theirs, may be. */
export const ratioTargets: Partial<Record<MeasurementName, Partial<Record<PeerName, number>>>> = {
  backup: { restic: 0.6, tar: 0.75 },
  restore: { restic: 0.7 },
};

/** Seconds that the median of our own wall times must stay below. */
export const secondTargets: Partial<Record<MeasurementName, number>> = {
  'one-file': 0.25,
  version: 0.1,
};

/** Bytes that no process of ours may reach in any measurement. */
export const peakBytesTarget = 350_000_000;

/** Fewer pairs or a smaller tree prove nothing. */
export const fewestPairs = 5;
