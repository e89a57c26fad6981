/**
 * `npm run bench -- --isolation`: what it costs that a store lives in a process of its own.
 *
 * Bytes through the boundary alone, puts and gets of the local store with and without it, backups of the tree
 * of the other benches, and the start of a command. Processor time is that of all processes together; runs
 * alternate, and medians count.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fileBodies } from '../src/addins/local/file-bodies.ts';
import { localStore } from '../src/addins/local/index.ts';
import type { Store } from '../src/core/index.ts';
import { openStoreApart } from '../src/core/isolation/isolate.ts';
import { processOf } from '../src/core/isolation/isolated-store.ts';
import { buildPackage } from './contestants/holdfast.ts';
import { type Command, measure } from './measure.ts';
import { mediumTree } from './medium-tree.ts';

export const isolationUsage = `npm run bench -- --isolation [OPTION]...
  --megabytes N  through the boundary in each run (default 2000)
  --scale X      size of the tree that is backed up; 0 leaves the backups out (default 0.25)
  --pairs N      runs of each pair (default 5)
  --work DIR     where the tree lies (default holdfast-bench below the temporary directory)
  --source       measure src/cli/main.ts instead of building the package`;

interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

const fewestMegabytesPerSecond = 400;
const checkout = join(import.meta.dirname, '..');
const { signal } = new AbortController();

/** @returns exit status: 1 where the boundary is slower than it may be */
export async function benchIsolation(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      isolation: { type: 'boolean' },
      megabytes: { type: 'string', default: '2000' },
      scale: { type: 'string', default: '0.25' },
      pairs: { type: 'string', default: '5' },
      work: { type: 'string', default: join(tmpdir(), 'holdfast-bench') },
      source: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    console.log(isolationUsage);
    return 0;
  }
  const [megabytes, scale, pairs] = [Number(values.megabytes), Number(values.scale), Number(values.pairs)];
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-bench-isolation-'));
  try {
    console.log('| what | in process | isolated |\n|---|---|---|');
    const slowest = await benchBoundary(dir, megabytes, pairs);
    if (!values.source) buildPackage();
    const program = [
      process.execPath,
      join(checkout, values.source ? 'src/cli/main.ts' : 'dist/cli/main.js'),
    ];
    benchCommands(dir, program, { scale, pairs, workDir: resolve(values.work) });
    return slowest >= fewestMegabytesPerSecond ? 0 : 1;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The slower direction through the boundary, in MB/s. */
async function benchBoundary(dir: string, megabytes: number, pairs: number): Promise<number> {
  const world = { env: {}, accounts: [] };
  const common = { root: checkout, whose: 'own', secrets: [] } as const;
  const module = join(import.meta.dirname, 'bottomless-store.ts');
  const bottomless = await openStoreApart(
    { ...common, name: 'the store bottomless', opening: { module, exported: 'bottomlessStore' }, needs: {} },
    {},
    world,
  );
  const path = join(dir, 'store');
  const settings = { use: 'local', path };
  const local = {
    ...common,
    name: 'the store local',
    opening: { module: join(checkout, 'src/addins/local/index.ts'), exported: 'localStore' },
    needs: { directory: path, network: false },
    files: async () => fileBodies,
  };
  const inside = await localStore.open(settings);
  const apart = await openStoreApart(local, settings, world);
  const costs = { up: [] as Cost[], down: [] as Cost[] };
  const plain = { up: [] as Cost[], down: [] as Cost[] };
  const isolated = { up: [] as Cost[], down: [] as Cost[] };
  for (let pair = 0; pair < pairs; pair += 1) {
    costs.up.push(await cost(bottomless, () => put(bottomless, megabytes)));
    costs.down.push(await cost(bottomless, () => get(bottomless, megabytes)));
    isolated.up.push(await cost(apart, () => put(apart, megabytes / 4)));
    isolated.down.push(await cost(apart, () => get(apart, megabytes / 4)));
    plain.up.push(await cost(inside, () => put(inside, megabytes / 4)));
    plain.down.push(await cost(inside, () => get(inside, megabytes / 4)));
  }
  await Promise.all([bottomless, inside, apart].map((store) => store.close()));
  const row = (what: string, size: number, one: readonly Cost[] | null, other: readonly Cost[]): void =>
    console.log(`| ${what} | ${one === null ? '' : rate(size, one)} | ${rate(size, other)} |`);
  row('put, boundary alone', megabytes, null, costs.up);
  row('get, boundary alone', megabytes, null, costs.down);
  row('put into a directory', megabytes / 4, plain.up, isolated.up);
  row('get from a directory', megabytes / 4, plain.down, isolated.down);
  return Math.min(
    ...[costs.up, costs.down].map((one) => megabytes / median(one.map(({ seconds }) => seconds))),
  );
}

function benchCommands(
  dir: string,
  program: readonly string[],
  { scale, pairs, workDir }: { scale: number; pairs: number; workDir: string },
): void {
  const tree = scale > 0 ? mediumTree({ workDir, scale, seed: 'isolation' }) : null;
  const backups = { off: [] as number[], on: [] as number[] };
  const starts = { off: [] as number[], on: [] as number[] };
  for (let pair = 0; pair < pairs; pair += 1) {
    for (const isolation of ['off', 'on'] as const) {
      const place = join(dir, `${isolation}${pair}`);
      configure(place, isolation, tree?.root ?? dir);
      const at = (...words: string[]): Command => ({
        stages: [[...program, '--config', join(place, 'config'), '--quiet', ...words]],
      });
      if (tree !== null) backups[isolation].push(measure([at('backup')], { sync: true }).cpuSeconds);
      // The second start finds its code compiled.
      const start = at('store', 'init');
      measure([start], { sync: false });
      starts[isolation].push(measure([start], { sync: false }).cpuSeconds);
      rmSync(place, { recursive: true });
    }
  }
  const row = (what: string, { off, on }: typeof starts): void =>
    console.log(`| ${what} | ${median(off).toFixed(3)} s CPU | ${median(on).toFixed(3)} s CPU |`);
  if (tree !== null) row(`backup of ${tree.counts.inodes} inodes`, backups);
  row('store init, nothing to do', starts);
}

function configure(place: string, isolation: 'on' | 'off', root: string): void {
  mkdirSync(join(place, 'config/addins.d'), { recursive: true });
  const write = (name: string, value: unknown): void =>
    writeFileSync(join(place, 'config', name), JSON.stringify(value), { mode: 0o600 });
  write('config.json', { panel: { use: 'apiscp', root }, isolation });
  write('addins.d/bench.json', {
    name: 'bench',
    provider: { use: 's3-tar' },
    store: { use: 'local', path: join(place, 'store') },
    accounts: { include: ['site*'] },
    encryption: 'none',
  });
}

async function cost(store: Store, work: () => Promise<void>): Promise<Cost> {
  const [before, childBefore] = [process.cpuUsage(), await childSeconds(store)];
  const startedAt = performance.now();
  await work();
  const { user, system } = process.cpuUsage(before);
  return {
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds: (user + system) / 1e6 + (await childSeconds(store)) - childBefore,
  };
}

/** User and system time of the process behind a store; 0 where there is none. */
async function childSeconds(store: Store): Promise<number> {
  const pid = await processOf(store);
  if (pid == null) return 0;
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function put(store: Store, megabytes: number): Promise<void> {
  const chunk = Buffer.alloc(1_000_000, 7);
  const body = (async function* () {
    for (let sent = 0; sent < megabytes; sent += 1) yield chunk;
  })();
  await store.put({ key: 'data/bench', body, signal });
}

async function get(store: Store, megabytes: number): Promise<void> {
  let bytes = 0;
  const range = { offset: 0, length: megabytes * 1_000_000 };
  for await (const piece of store.get({ key: 'data/bench', range, signal })) bytes += piece.length;
  if (bytes !== range.length) throw new Error(`${bytes} bytes came`);
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

function rate(megabytes: number, costs: readonly Cost[]): string {
  const speed = megabytes / median(costs.map(({ seconds }) => seconds));
  const cpu = (median(costs.map(({ cpuSeconds }) => cpuSeconds)) * 1000) / megabytes;
  return `${speed.toFixed(0)} MB/s, ${cpu.toFixed(2)} s CPU per GB`;
}
