/**
 * `npm run bench -- --chains`: what a night costs where little changed, and what a long chain costs to restore from.
 *
 * Against restic, and GNU tar with `--listed-incremental` into zstd. docs/bench.md says how to read it.
 */

import { join } from 'node:path';
import { run } from '../measure.ts';
import type { Options } from '../options.ts';
import { rangeOf, ratioOf } from '../statistics.ts';
import type { Verdict } from '../verdicts.ts';
import { accounts, accountsOf, files, nights, type PartResult } from './parts.ts';
import { accountsVerdicts, filesVerdicts, nightsVerdicts } from './verdicts.ts';

export interface ChainsOutcome {
  readonly parts: readonly PartResult[];
  readonly verdicts: readonly Verdict[];
}

export function benchChains(options: Options): ChainsOutcome {
  const checkout = join(import.meta.dirname, '../..');
  if (!options.source) run([process.execPath, join(checkout, 'scripts/build.mjs')], { cwd: checkout });
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
  const head = ['', 'wall s (min–max)', 'cpu s', 'peak MB', 'wall ratio (min–max)', 'cpu ratio'];
  const lines = [`### ${title}`, '', row(...head), row(...head.map(() => '---'))];
  for (const { name, samples } of series) {
    for (const [who, theirs] of Object.entries(samples)) {
      const wall = rangeOf(theirs.map(({ wallSeconds }) => wallSeconds));
      const cpu = rangeOf(theirs.map(({ cpuSeconds }) => cpuSeconds)).median;
      const peak = Math.max(...theirs.map(({ peakBytes }) => peakBytes)) / 1e6;
      const us = who === 'holdfast' ? undefined : samples.holdfast;
      const ratio =
        us &&
        ratioOf(
          us.map((one) => one.wallSeconds),
          theirs.map((one) => one.wallSeconds),
        );
      const cpuRatio =
        us &&
        ratioOf(
          us.map((one) => one.cpuSeconds),
          theirs.map((one) => one.cpuSeconds),
        );
      lines.push(
        row(
          `${name}, ${who}`,
          `${wall.median.toFixed(3)} (${wall.min.toFixed(3)}–${wall.max.toFixed(3)})`,
          cpu.toFixed(2),
          peak.toFixed(0),
          ratio ? `**${ratio.median.toFixed(2)}** (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})` : '',
          cpuRatio ? cpuRatio.median.toFixed(2) : '',
        ),
      );
    }
  }
  return lines.join('\n');
}
