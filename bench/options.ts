/** The benchmark's command line. */

import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const measurementNames = ['backup', 'restore', 'account', 'one-file', 'version'] as const;
export type MeasurementName = (typeof measurementNames)[number];
export const peerNames = ['restic', 'tar', 'borg'] as const;
export type PeerName = (typeof peerNames)[number];

export interface Options {
  readonly pairs: number;
  /** 1 is the medium tree; the number of files follows it. */
  readonly scale: number;
  readonly seed: string;
  readonly peers: readonly PeerName[];
  readonly measurements: readonly MeasurementName[];
  readonly workDir: string;
  /** Leaves the last repositories behind. */
  readonly keep: boolean;
  /** Runs the source as it is instead of the built package. */
  readonly source: boolean;
}

export const usage = `npm run bench -- [OPTION]...
  --pairs N       runs of each pair (default 5)
  --scale X       size of the tree; 1 is about 80,000 inodes and 2 GB (default 1)
  --peers LIST    of ${peerNames.join(',')} (default all)
  --only LIST     of ${measurementNames.join(',')} (default all)
  --work DIR      where everything lies (default holdfast-bench below the temporary directory)
  --keep          leave the last repositories there too; the tree itself always stays
  --source        measure src/cli/main.ts instead of building the package
  --seed TEXT     another tree of the same kind`;

/** Undefined where help was asked for. Throws a TypeError that says what is wrong. */
export function parseOptions(argv: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      pairs: { type: 'string', default: '5' },
      scale: { type: 'string', default: '1' },
      seed: { type: 'string', default: 'holdfast' },
      peers: { type: 'string', default: peerNames.join(',') },
      only: { type: 'string', default: measurementNames.join(',') },
      work: { type: 'string', default: join(tmpdir(), 'holdfast-bench') },
      keep: { type: 'boolean', default: false },
      source: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const pairs = Number(values.pairs);
  if (!Number.isInteger(pairs) || pairs < 1) throw new TypeError('--pairs takes a whole number from 1');
  const scale = Number(values.scale);
  if (!(scale > 0)) throw new TypeError('--scale takes a number above 0');
  return {
    pairs,
    scale,
    seed: values.seed,
    peers: chosen('--peers', values.peers, peerNames),
    measurements: chosen('--only', values.only, measurementNames),
    workDir: resolve(values.work),
    keep: values.keep,
    source: values.source,
  };
}

function chosen<T extends string>(option: string, list: string, known: readonly T[]): T[] {
  const wanted = list.split(',');
  const odd = wanted.find((name) => !(known as readonly string[]).includes(name));
  if (odd !== undefined) throw new TypeError(`${option} knows ${known.join(', ')}, not ${odd}`);
  return known.filter((name) => wanted.includes(name));
}
