/** What chains must reach, on two cores and a warm cache, and whether they do. */

import type { Sample } from '../measure.ts';
import { rangeOf, ratioOf } from '../statistics.ts';
import type { Verdict } from '../verdicts.ts';
import type { ContenderName, OurName } from './contenders.ts';
import type { Series } from './match.ts';
import type { PartResult } from './parts.ts';

const wall = (samples: readonly Sample[] | undefined): number[] =>
  (samples ?? []).map(({ wallSeconds }) => wallSeconds);

const find = ({ series }: PartResult, name: string): Series | undefined =>
  series.find((one) => one.name === name);

/** One for each target whose measurements are there. */
export function nightsVerdicts(part: PartResult): Verdict[] {
  return [
    ...atMost(part, 'one night', 'restic', 0.25),
    ...atMost(part, 'one night', 'tar', 1.5),
    ...atMost(part, 'one night', 'restic', 0.3, 'holdfast-encrypted'),
    ...atMost(part, 'nothing changed', 'restic', 0.2),
    ...atMost(part, 'nothing changed', 'tar', 1.5),
    ...oneFile(part),
    ...everything(part),
  ];
}

function atMost(
  part: PartResult,
  name: string,
  peer: ContenderName,
  limit: number,
  us: OurName = 'holdfast',
): Verdict[] {
  const samples = find(part, name)?.samples;
  if (samples?.[us] === undefined || samples[peer] === undefined) return [];
  const { median } = ratioOf(wall(samples[us]), wall(samples[peer]));
  const encrypted = us === 'holdfast' ? '' : ', encrypted';
  const target = `${part.title}, ${name}${encrypted}: at most ${limit} of ${peer}`;
  return [{ target, measured: median.toFixed(2), pass: median <= limit }];
}

const moreSeconds = 0.03;

function oneFile(part: PartResult): Verdict[] {
  const [short, long] = [find(part, 'one file, chain of 1'), find(part, 'one file, newest of 30')];
  if (short === undefined || long === undefined) return [];
  const more = rangeOf(wall(long.samples.holdfast)).median - rangeOf(wall(short.samples.holdfast)).median;
  const target = `one file from the newest of 30: at most ${moreSeconds * 1000} ms more than from a chain of 1`;
  return [{ target, measured: `${(more * 1000).toFixed(0)} ms`, pass: more <= moreSeconds }];
}

const wholeRatio = 1.3;

function everything(part: PartResult): Verdict[] {
  const [short, long] = [find(part, 'everything, chain of 1'), find(part, 'everything, newest of 30')];
  if (short === undefined || long === undefined) return [];
  const { median } = ratioOf(wall(long.samples.holdfast), wall(short.samples.holdfast));
  const target = `everything from the newest of 30: at most ${wholeRatio} of a full's time`;
  return [{ target, measured: median.toFixed(2), pass: median <= wholeRatio }];
}

const peakBytes = 400_000_000;
const linearWithin = 0.15;

/** `parts`: the smaller number of files first. */
export function filesVerdicts(parts: readonly PartResult[], counts: readonly number[]): Verdict[] {
  const names = ['full', 'nothing changed', 'a hundredth changed'];
  const ratios = parts.flatMap((part) => names.flatMap((name) => atMost(part, name, 'tar', 1.2)));
  const [small, large] = parts;
  if (small === undefined || large === undefined) return ratios;
  const linear = names.flatMap((name): Verdict[] => {
    const [a, b] = [find(small, name), find(large, name)];
    if (a === undefined || b === undefined) return [];
    const growth = rangeOf(wall(b.samples.holdfast)).median / rangeOf(wall(a.samples.holdfast)).median;
    const off = growth / (counts[1]! / counts[0]!) - 1;
    const measured = `${(off * 100).toFixed(0)} % off`;
    const target = `${name}: time linear in the files within ${linearWithin * 100} %`;
    return [{ target, measured, pass: off <= linearWithin }];
  });
  const samples = large.series.flatMap((one) => one.samples.holdfast ?? []);
  const peak = Math.max(...samples.map((sample) => sample.peakBytes));
  const measured = `${(peak / 1e6).toFixed(0)} MB`;
  const memory = { target: `${large.title}: peak memory below 400 MB`, measured, pass: peak < peakBytes };
  return [...ratios, ...linear, memory];
}

const millisecondsEach = 15;

export function accountsVerdicts(part: PartResult, count: number): Verdict[] {
  const quiet = find(part, 'nothing changed');
  if (quiet === undefined) return [];
  const each = (rangeOf(wall(quiet.samples.holdfast)).median * 1000) / count;
  const target = `${part.title}, nothing changed: at most ${millisecondsEach} ms each`;
  return [{ target, measured: `${each.toFixed(1)} ms`, pass: each <= millisecondsEach }];
}
