/** What was measured, held against the targets. */

import type { Measurement } from './duel.ts';
import type { Fidelity } from './fidelity.ts';
import { rangeOf, ratioOf } from './statistics.ts';
import { peakBytesTarget, type Targets, targetsOf } from './targets.ts';

export interface Verdict {
  /** What was asked for, in words. */
  readonly target: string;
  readonly measured: string;
  readonly pass: boolean;
}

/** One for each target that the measurements touch. */
export function verdictsOn(
  measurements: readonly Measurement[],
  fidelity: Fidelity,
  targets: Targets = targetsOf.local,
): Verdict[] {
  const verdicts = measurements.flatMap((one) => verdictsOnOne(one, targets));
  const peak = Math.max(...measurements.flatMap(({ ours }) => ours.map(({ peakBytes }) => peakBytes)));
  return [
    ...verdicts,
    {
      target: `peak memory below ${peakBytesTarget / 1e6} MB`,
      measured: `${(peak / 1e6).toFixed(0)} MB`,
      pass: peak < peakBytesTarget,
    },
    {
      target: 'the restore equals the source',
      measured: `${fidelity.differences} differences in ${fidelity.entries} entries`,
      pass: fidelity.differences === 0 && fidelity.entries > 0,
    },
  ];
}

function verdictsOnOne({ name, duels, ours }: Measurement, targets: Targets): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const duel of duels) {
    const limit = targets.ratios[name]?.[duel.peer];
    if (limit === undefined) continue;
    const { median } = ratioOf(wall(duel.ours), wall(duel.theirs));
    const target = `${name}: at most ${limit} of ${duel.peer}`;
    verdicts.push({ target, measured: median.toFixed(2), pass: median <= limit });
  }
  const seconds = targets.seconds[name];
  if (seconds !== undefined) {
    const { median } = rangeOf(wall(ours));
    const target = `${name}: below ${seconds} s`;
    verdicts.push({ target, measured: `${median.toFixed(3)} s`, pass: median < seconds });
  }
  return verdicts;
}

const wall = (samples: Measurement['ours']): number[] => samples.map(({ wallSeconds }) => wallSeconds);
