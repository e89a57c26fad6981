/** The report as Markdown, so that it can be read on a terminal and pasted into docs/bench.md. */

import type { Measurement } from './duel.ts';
import type { Sample } from './measure.ts';
import type { MeasurementName } from './options.ts';
import { type Range, rangeOf, ratioOf } from './statistics.ts';
import type { Verdict } from './verdicts.ts';

const titles: Record<MeasurementName, string> = {
  backup: 'Full backup of all accounts',
  cold: 'Full backup, cold cache',
  encrypted: 'Full backup of all accounts, encrypted',
  restore: 'Full restore of all accounts',
  account: 'The largest account back',
  'one-file': 'One file back',
  version: 'holdfast --version',
};

/** Stored bytes by contestant; ours are `holdfast` and `holdfast-encrypted`. */
export type StoredBytes = Readonly<Record<string, number>>;

/** Us above each peer: medians, and the range of wall times and of the ratios within pairs. */
export function measurementTable({ name, duels, ours }: Measurement, stored: StoredBytes): string {
  const lines = [
    `### ${titles[name]}`,
    '',
    row(
      '',
      'wall s (min–max)',
      'without sync s',
      'cpu s',
      'peak MB',
      'stored MB',
      'wall ratio (min–max)',
      'cpu ratio',
    ),
    row('---', '---', '---', '---', '---', '---', '---', '---'),
  ];
  const size = (who: string): string =>
    ['backup', 'cold', 'encrypted'].includes(name) ? ((stored[who] ?? 0) / 1e6).toFixed(0) : '';
  const us = name === 'encrypted' ? 'holdfast-encrypted' : 'holdfast';
  if (duels.length === 0) lines.push(row(us, ...costs(ours), size(us), '', ''));
  for (const { peer, ours: own, theirs } of duels) {
    const ratio = (of: (sample: Sample) => number): Range => ratioOf(own.map(of), theirs.map(of));
    const wall = ratio(({ wallSeconds }) => wallSeconds);
    const cpu = ratio(({ cpuSeconds }) => cpuSeconds).median.toFixed(2);
    const shown = `**${wall.median.toFixed(2)}** (${wall.min.toFixed(2)}–${wall.max.toFixed(2)})`;
    lines.push(row(`${us}, beside ${peer}`, ...costs(own), size(us), shown, cpu));
    lines.push(row(peer, ...costs(theirs), size(peer), '', ''));
  }
  return lines.join('\n');
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ target, measured, pass }) =>
    row(target, measured, pass ? 'pass' : '**miss**'),
  );
  return ['### Targets', '', row('target', 'measured', ''), row('---', '---', '---'), ...rows].join('\n');
}

function costs(samples: readonly Sample[]): string[] {
  const of = (pick: (sample: Sample) => number): Range => rangeOf(samples.map(pick));
  const wall = of(({ wallSeconds }) => wallSeconds);
  const [low, middle, high] = [wall.min, wall.median, wall.max].map(seconds);
  return [
    `${middle} (${low}–${high})`,
    seconds(of(({ commandSeconds }) => commandSeconds).median),
    seconds(of(({ cpuSeconds }) => cpuSeconds).median),
    (of(({ peakBytes }) => peakBytes).max / 1e6).toFixed(0),
  ];
}

const seconds = (value: number): string => value.toFixed(value < 2 ? 3 : 2);

const row = (...cells: string[]): string => `| ${cells.join(' | ')} |`;
