/**
 * `npm run bench -- --chains`: what a night costs where little changed, and what a long chain costs to restore from.
 *
 * Against restic, and GNU tar with `--listed-incremental` into zstd. docs/bench.md says how to read it.
 */

import type { Sample } from '../measure.ts';
import type { Options } from '../options.ts';
import { type Range, rangeOf, ratioOf } from '../statistics.ts';
import type { Verdict } from '../verdicts.ts';
import type { OurName } from './contenders.ts';
import { accounts, accountsOf, files, nights, type PartResult } from './parts.ts';
import { accountsVerdicts, filesVerdicts, nightsVerdicts } from './verdicts.ts';

export interface ChainsOutcome {
  readonly parts: readonly PartResult[];
  readonly verdicts: readonly Verdict[];
}

export function benchChains(options: Options): ChainsOutcome {
  const wanted = options.parts;
  const parts: PartResult[] = [];
  const verdicts: Verdict[] = [];
  if (wanted.includes('nights')) {
    const made = nights(options);
    parts.push(...made);
    verdicts.push(...made.flatMap(nightsVerdicts));
  }
  if (wanted.includes('files')) {
    const made = files(options);
    parts.push(...made);
    verdicts.push(...filesVerdicts(made, [300_000, 1_000_000]));
  }
  if (wanted.includes('accounts')) {
    const made = accounts(options);
    parts.push(...made);
    verdicts.push(...made.flatMap((one) => accountsVerdicts(one, accountsOf(options))));
  }
  return { parts, verdicts };
}

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

export function partTable({ title, series }: PartResult): string {
  const ratios = (who: string): string[] => [`${who} wall ratio (min–max)`, 'cpu ratio'];
  const own = ownNames.filter((name) => series.some(({ samples }) => samples[name] !== undefined));
  const head = ['', 'wall s (min–max)', 'cpu s', 'peak MB', ...own.flatMap(ratios)];
  const lines = [`### ${title}`, '', row(...head), row(...head.map(() => '---'))];
  for (const { name, samples } of series) {
    for (const [who, theirs] of Object.entries(samples)) {
      const wall = rangeOf(theirs.map(({ wallSeconds }) => wallSeconds));
      const cpu = rangeOf(theirs.map(({ cpuSeconds }) => cpuSeconds)).median;
      const peak = Math.max(...theirs.map(({ peakBytes }) => peakBytes)) / 1e6;
      lines.push(
        row(
          `${name}, ${who}`,
          `${wall.median.toFixed(3)} (${wall.min.toFixed(3)}–${wall.max.toFixed(3)})`,
          cpu.toFixed(2),
          peak.toFixed(0),
          ...own.flatMap((name) => ratioCells(name === who ? undefined : samples[name], theirs)),
        ),
      );
    }
  }
  return lines.join('\n');
}

const ownNames = [
  'holdfast',
  'holdfast-encrypted',
  'holdfast-reading-none',
] as const satisfies readonly OurName[];

function ratioCells(own: readonly Sample[] | undefined, theirs: readonly Sample[]): [string, string] {
  if (own === undefined) return ['', ''];
  const ratio = (of: (sample: Sample) => number): Range => ratioOf(own.map(of), theirs.map(of));
  const wall = ratio(({ wallSeconds }) => wallSeconds);
  const cpu = ratio(({ cpuSeconds }) => cpuSeconds);
  const shown = `**${wall.median.toFixed(2)}** (${wall.min.toFixed(2)}–${wall.max.toFixed(2)})`;
  return [shown, cpu.median.toFixed(2)];
}
