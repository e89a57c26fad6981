/** The benchmark's command line. */

import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const partNames = ['nights', 'files', 'accounts'] as const;
export type PartName = (typeof partNames)[number];
export const measurementNames = [
  'backup',
  'cold',
  'encrypted',
  'restore',
  'account',
  'one-file',
  'version',
] as const;
export type MeasurementName = (typeof measurementNames)[number];
export type PeerName = 'restic' | 'tar' | 'borg' | 'rclone';
export type StoreName = 'local' | 's3';

/** Who and what a store is measured with. */
const possible = {
  local: { peers: ['restic', 'tar', 'borg'], measurements: measurementNames },
  s3: { peers: ['restic', 'rclone'], measurements: ['backup', 'encrypted', 'restore', 'one-file'] },
} satisfies Record<StoreName, { peers: readonly PeerName[]; measurements: readonly MeasurementName[] }>;

export interface Options {
  readonly store: StoreName;
  /** Milliseconds added to each round trip to the store; one part of the run for each. */
  readonly latencies: readonly number[];
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
  /** Snapshots that refer to earlier ones, instead of fulls. */
  readonly chains: boolean;
  /** What is measured of chains. */
  readonly parts: readonly PartName[];
}

export const usage = `npm run bench -- [OPTION]...
  --pairs N       runs of each pair (default 5)
  --scale X       size of the tree; 1 is about 80,000 inodes and 2 GB (default 1)
  --store NAME    local, or s3: a real gateway on this machine (default local)
  --latency LIST  milliseconds to the gateway, one round after the other (default 0,40)
  --peers LIST    of ${possible.local.peers.join(',')}, or with --store s3 of ${possible.s3.peers.join(',')} (default all)
  --databases     exports of fifty databases against a shell loop, in place of all else; see its own --help
  --isolation     stores in processes of their own against stores in ours; see its own --help
  --chains        incrementals against restic and tar --listed-incremental, in place of all else
  --only LIST     of ${measurementNames.join(',')}, or with --store s3 of ${possible.s3.measurements.join(',')},
                  with --chains of ${partNames.join(',')} (default all)
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
      store: { type: 'string', default: 'local' },
      latency: { type: 'string', default: '0,40' },
      peers: { type: 'string' },
      only: { type: 'string' },
      work: { type: 'string', default: join(tmpdir(), 'holdfast-bench') },
      keep: { type: 'boolean', default: false },
      chains: { type: 'boolean', default: false },
      source: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const pairs = Number(values.pairs);
  if (!Number.isInteger(pairs) || pairs < 1) throw new TypeError('--pairs takes a whole number from 1');
  const scale = Number(values.scale);
  if (!(scale > 0)) throw new TypeError('--scale takes a number above 0');
  const { store } = values;
  if (store !== 'local' && store !== 's3') throw new TypeError('--store takes local or s3');
  const latencies = store === 'local' ? [0] : values.latency.split(',').map(Number);
  if (!latencies.every((one) => one >= 0)) throw new TypeError('--latency takes milliseconds');
  const { peers, measurements } = possible[store];
  const { chains } = values;
  if (chains && store === 's3') throw new TypeError('--chains measures local stores only');
  return {
    store,
    latencies,
    pairs,
    scale,
    seed: values.seed,
    peers: chosen<PeerName>('--peers', values.peers, peers),
    measurements: chains ? [] : chosen<MeasurementName>('--only', values.only, measurements),
    chains,
    parts: chains ? chosen<PartName>('--only', values.only, partNames) : [],
    workDir: resolve(values.work),
    keep: values.keep,
    source: values.source,
  };
}

function chosen<T extends string>(option: string, list: string | undefined, known: readonly T[]): T[] {
  if (list === undefined) return [...known];
  const wanted = list.split(',');
  const odd = wanted.find((name) => !(known as readonly string[]).includes(name));
  if (odd !== undefined) throw new TypeError(`${option} knows ${known.join(', ')}, not ${odd}`);
  return known.filter((name) => wanted.includes(name));
}
