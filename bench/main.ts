/**
 * `npm run bench`: Holdfast against restic, GNU tar with zstd, and borg, on a tree like a server's.
 *
 * Prints Markdown, writes every sample to bench/results/, and ends with status 1 where a restore is not
 * equal to its source, or where a run that is large enough to judge misses a target. docs/bench.md says what is
 * measured and how to read it.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Arena } from './arena.ts';
import { borg } from './contestants/borg.ts';
import { holdfast } from './contestants/holdfast.ts';
import { restic } from './contestants/restic.ts';
import { tar } from './contestants/tar.ts';
import { type Measurement, measureDuels, measureVersion, type Peer, timings } from './duel.ts';
import { checkFidelity, checkOneFile } from './fidelity.ts';
import { caveatsOf, describeMachine } from './machine.ts';
import { mediumTree } from './medium-tree.ts';
import { type Options, parseOptions, usage } from './options.ts';
import { measurementTable, type StoredBytes, verdictTable } from './report.ts';
import { fewestPairs } from './targets.ts';
import { verdictsOn } from './verdicts.ts';

const makers = { restic, tar, borg };

async function main(options: Options): Promise<number> {
  mkdirSync(options.workDir, { recursive: true });
  const machine = describeMachine(options.workDir);
  const judged = options.scale >= 1 && options.pairs >= fewestPairs;
  const caveats = [...caveatsOf(machine), ...(judged ? [] : ['too small a run to judge by'])];
  for (const caveat of caveats) console.log(`CAVEAT: ${caveat}`);
  const us = holdfast(options);
  const peers = options.peers.map((name): Peer => ({ name, contestant: makers[name]() }));
  const contestants = [us, ...peers.map(({ contestant }) => contestant)];
  const tree = mediumTree(options);
  console.log(`tree: ${tree.root} ${JSON.stringify(tree.counts)}`);
  for (const { name, version, settings } of contestants) console.log(`${name}: ${version}; ${settings}`);

  const arena = new Arena(tree, options.workDir);
  try {
    for (const contestant of contestants) arena.backup(contestant);
    const stored: StoredBytes = Object.fromEntries(
      contestants.map((contestant) => [contestant.name, arena.storedBytes(contestant)]),
    );
    for (const contestant of contestants) await checkOneFile(arena, contestant);
    const fidelity = await checkFidelity(arena, us);
    console.log(`restored ${fidelity.entries} entries, ${fidelity.differences} differences`);
    const measurements: Measurement[] = [];
    const timed = timings(arena);
    for (const name of options.measurements) {
      arena.warmUp();
      const measured =
        name === 'version'
          ? measureVersion(us)
          : measureDuels(name, { us, peers, pairs: options.pairs }, timed[name]);
      measurements.push(measured);
    }
    const verdicts = verdictsOn(measurements, fidelity);
    const tables = measurements.map((one) => measurementTable(one, stored));
    console.log(`\n${[...tables, verdictTable(verdicts)].join('\n\n')}\n`);
    for (const caveat of caveats) console.log(`CAVEAT: ${caveat}`);
    const tools = contestants.map(({ name, version, settings }) => ({ name, version, settings }));
    const { counts } = tree;
    save({ options, machine, caveats, tools, tree: counts, stored, fidelity, measurements, verdicts });
    const failed = fidelity.differences > 0 || (judged && verdicts.some(({ pass }) => !pass));
    return failed ? 1 : 0;
  } finally {
    if (!options.keep) arena.clear();
    console.log(`the tree stays in ${options.workDir} for the next run`);
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

const options = optionsOf(process.argv.slice(2));
process.exitCode = typeof options === 'number' ? options : await main(options);
