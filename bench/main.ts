/**
 * `npm run bench`: Holdfast against restic, GNU tar with zstd, and borg, on a tree like a server's; with `--store s3`
 * against restic and rclone on a bucket; with `--chains` of incrementals.
 *
 * Prints Markdown, writes every sample to bench/results/, and ends with status 1 where a restore is not
 * equal to its source, or where a run that is large enough to judge misses a target. docs/bench.md says what is
 * measured and how to read it.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Arena } from './arena.ts';
import { benchChains, partTable } from './chains/bench-chains.ts';
import { borg } from './contestants/borg.ts';
import type { Contestant } from './contestants/contestant.ts';
import { buildPackage, type Holdfast, holdfast } from './contestants/holdfast.ts';
import { rclone } from './contestants/rclone.ts';
import { restic } from './contestants/restic.ts';
import { tar } from './contestants/tar.ts';
import { type Measurement, measureDuels, measureVersion, type Peer, timings } from './duel.ts';
import { checkFidelity, checkOneFile, type Fidelity } from './fidelity.ts';
import { caveatsOf, describeMachine } from './machine.ts';
import { type MediumTree, mediumTree } from './medium-tree.ts';
import { type Options, parseOptions, usage } from './options.ts';
import { measurementTable, type StoredBytes, verdictTable } from './report.ts';
import { behindLine, type Service, startService } from './service.ts';
import { fewestPairs, targetsOf } from './targets.ts';
import { type Verdict, verdictsOn } from './verdicts.ts';

/** One store, at one distance. */
interface Round {
  /** Of the report's part; empty where there is only one. */
  readonly title: string;
  readonly us: Holdfast;
  /** As ours, with encryption on; null where that is not measured. */
  readonly encrypted: Holdfast | null;
  readonly peers: readonly Peer[];
}

interface Outcome {
  readonly title: string;
  readonly tools: readonly Pick<Contestant, 'name' | 'version' | 'settings'>[];
  readonly stored: StoredBytes;
  readonly fidelity: Fidelity;
  readonly measurements: readonly Measurement[];
  readonly verdicts: readonly Verdict[];
}

async function main(options: Options): Promise<number> {
  mkdirSync(options.workDir, { recursive: true });
  const machine = describeMachine(options.workDir);
  const judged = options.scale >= 1 && options.pairs >= fewestPairs;
  const caveats = [...caveatsOf(machine), ...(judged ? [] : ['too small a run to judge by'])];
  for (const caveat of caveats) console.log(`CAVEAT: ${caveat}`);
  if (!options.source) buildPackage();
  if (options.chains) return playChains(options, { machine, caveats, judged });
  const tree = mediumTree(options);
  console.log(`tree: ${tree.root} ${JSON.stringify(tree.counts)}`);

  const outcomes: Outcome[] = [];
  const play = async (one: Round): Promise<void> => void outcomes.push(await playRound(options, tree, one));
  if (options.store === 's3') await onS3(options, play);
  else await play(localRound(options));
  for (const { title, measurements, stored, verdicts } of outcomes) {
    const tables = measurements.map((one) => measurementTable(one, stored));
    console.log(
      `\n${[...(title === '' ? [] : [`## ${title}`]), ...tables, verdictTable(verdicts)].join('\n\n')}\n`,
    );
  }
  for (const caveat of caveats) console.log(`CAVEAT: ${caveat}`);
  save({ options, machine, caveats, tree: tree.counts, rounds: outcomes });
  console.log(`the tree stays in ${options.workDir} for the next run`);
  const failed = ({ fidelity, verdicts }: Outcome): boolean =>
    fidelity.differences > 0 || (judged && verdicts.some(({ pass }) => !pass));
  return outcomes.some(failed) ? 1 : 0;
}

function playChains(
  options: Options,
  about: { readonly machine: object; readonly caveats: readonly string[]; readonly judged: boolean },
): number {
  const { parts, verdicts } = benchChains(options);
  console.log(`\n${[...parts.map(partTable), verdictTable(verdicts)].join('\n\n')}\n`);
  for (const caveat of about.caveats) console.log(`CAVEAT: ${caveat}`);
  save({ options, ...about, parts, verdicts });
  return about.judged && verdicts.some(({ pass }) => !pass) ? 1 : 0;
}

function localRound(options: Options): Round {
  const makers = { restic, tar, borg } as const;
  const names = options.peers.filter((name) => name !== 'rclone');
  const peers = names.map((name): Peer => ({ name, contestant: makers[name]() }));
  return { title: '', ...oursWith(options), peers };
}

function oursWith(options: Options, service?: Service): Pick<Round, 'us' | 'encrypted'> {
  const wanted = options.measurements.includes('encrypted');
  const encrypted = wanted ? holdfast({ ...options, encrypted: true }, service) : null;
  return { us: holdfast(options, service), encrypted };
}

/** A round for each latency, all on one gateway that ends with the last. */
async function onS3(options: Options, play: (round: Round) => Promise<void>): Promise<void> {
  const server = await startService();
  try {
    for (const latencyMs of options.latencies) {
      const service = await behindLine(server, latencyMs);
      const peers = options.peers.map(
        (name): Peer => ({ name, contestant: name === 'rclone' ? rclone(service) : restic(service) }),
      );
      await play({ title: `S3, ${latencyMs} ms away`, ...oursWith(options, service), peers });
      service.close();
    }
  } finally {
    await server.stop();
  }
}

async function playRound(options: Options, tree: MediumTree, round: Round): Promise<Outcome> {
  const { title, us, encrypted, peers } = round;
  const own = encrypted === null ? [us] : [us, encrypted];
  const contestants = [...own, ...peers.map(({ contestant }) => contestant)];
  for (const { name, version, settings } of contestants) console.log(`${name}: ${version}; ${settings}`);
  const arena = new Arena(tree, options.workDir);
  try {
    for (const contestant of contestants) arena.backup(contestant);
    const stored: StoredBytes = Object.fromEntries(
      contestants.map((contestant) => [contestant.name, arena.storedBytes(contestant)]),
    );
    for (const contestant of contestants) await checkOneFile(arena, contestant);
    const fidelity = { entries: 0, differences: 0 };
    for (const one of own) {
      const { entries, differences } = await checkFidelity(arena, one);
      console.log(`${one.name}: restored ${entries} entries, ${differences} differences`);
      fidelity.entries += entries;
      fidelity.differences += differences;
    }
    const timed = timings(arena);
    const measurements = options.measurements.map((name) => {
      arena.warmUp();
      if (name === 'version') return measureVersion(us);
      const able = peers.filter(({ contestant }) => name !== 'one-file' || contestant.knowsFiles !== false);
      const pairs = { us, peers: able, pairs: options.pairs };
      if (name !== 'encrypted' || encrypted === null) return measureDuels(name, pairs, timed[name]);
      // Of the peers only restic always encrypts.
      const encrypting = able.filter(({ name: peer }) => peer === 'restic');
      return measureDuels(name, { ...pairs, us: encrypted, peers: encrypting }, timed[name]);
    });
    const verdicts = verdictsOn(measurements, fidelity, targetsOf[options.store]);
    const tools = contestants.map(({ name, version, settings }) => ({ name, version, settings }));
    return { title, tools, stored, fidelity, measurements, verdicts };
  } finally {
    // A bucket goes with its gateway.
    if (!options.keep || options.store === 's3') arena.clear();
  }
}

function save(results: object): void {
  const startedAt = new Date(Date.now() - performance.now()).toISOString();
  const dir = join(import.meta.dirname, 'results');
  mkdirSync(dir, { recursive: true });
  const path = join(dir, `${startedAt.replaceAll(':', '').slice(0, 17)}Z.json`);
  writeFileSync(path, `${JSON.stringify({ startedAt, ...results }, null, 2)}\n`);
  console.log(`all samples: ${path}`);
}

/** The status of a command line that cannot be understood, or of a user who may not. */
const unusable = 2;

function optionsOf(argv: readonly string[]): Options | number {
  try {
    const options = parseOptions(argv);
    if (options === undefined) {
      console.log(usage);
      return 0;
    }
    if (process.getuid?.() === 0) return options;
    console.error('bench: run it as root, for the tree has many owners');
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`bench: ${error.message}\n${usage}`);
  }
  return unusable;
}

const argv = process.argv.slice(2);
if (argv.includes('--databases')) {
  const { benchDatabases } = await import('./databases.ts');
  process.exitCode = await benchDatabases(argv);
} else if (argv.includes('--isolation')) {
  const { benchIsolation } = await import('./isolation.ts');
  process.exitCode = await benchIsolation(argv);
} else {
  const options = optionsOf(argv);
  process.exitCode = typeof options === 'number' ? options : await main(options);
}
