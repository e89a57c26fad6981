/** What is measured of chains: nights of a server, long chains, many files, many accounts. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { measure, run } from '../measure.ts';
import { mediumTree, pathOfOneFile, pathsOf } from '../medium-tree.ts';
import type { Options } from '../options.ts';
import { type OurContender, ours, restic, type Subject, tar } from './contenders.ts';
import { Match, type Series } from './match.ts';

export interface PartResult {
  /** Of the report's part. */
  readonly title: string;
  readonly series: readonly Series[];
}

/** Shares of the files that change, are new, and go in one night. */
const night = ['0.02', '0.01', '0.005'] as const;
const quietNight = ['0.002', '0.001', '0.0005'] as const;
const chainLength = 30;
const restores = 5;

/** A copy of the medium tree, changed night by night; then restores from the end of a chain of thirty. */
export function nights(options: Options): PartResult[] {
  const tree = mediumTree(options);
  const dir = join(options.workDir, 'chains');
  const root = join(dir, 'tree');
  rmSync(dir, { recursive: true, force: true });
  run(['mkdir', '-p', dir]);
  run(['cp', '-a', tree.root, root]);
  const subject = { root, paths: pathsOf(tree), panel: { use: 'apiscp', root } };
  const us = ours(subject, options);
  const others = (['holdfast-encrypted', 'holdfast-reading-none'] as const).map((name) =>
    ours(subject, options, name),
  );
  const match = new Match([us, ...others, restic(subject), tar(subject)], root, join(dir, 'match'));
  match.round('full', 0);
  for (let round = 0; round < options.pairs; round++) {
    const seed = `${options.seed}/${round}`;
    console.log(run(['python3', '-B', changer, root, seed, ...night]).trim());
    match.round('one night', round);
    match.round('nothing changed', round);
  }
  const place = match.placeOf(us);
  for (let made = 2 * options.pairs; made < chainLength; made++) {
    run(['python3', '-B', changer, root, `${options.seed}/quiet/${made}`, ...quietNight]);
    for (const { stages, accepts } of us.backup(place)) run(stages[0]!, { accepts: accepts ?? [] });
  }
  const { account } = tree.oneFile;
  const path = pathOfOneFile(tree).split(`${account}/`)[1]!;
  longChain(match, us, place, ['--account', account], path, join(dir, 'restored'));
  const { series } = match;
  match.close();
  rmSync(dir, { recursive: true, force: true });
  return [{ title: 'Nights of a server', series }];
}

const changer = join(import.meta.dirname, 'change_tree.py');

/** One file and everything: from the newest of the chain, and from a full of the same state, a chain of one. */
function longChain(
  match: Match,
  us: OurContender,
  chain: string,
  account: readonly string[],
  path: string,
  target: string,
): void {
  const single = `${chain}-single`;
  run(['mkdir', '-p', single]);
  us.prepare(single);
  for (const { stages, accepts } of us.backup(single)) run(stages[0]!, { accepts: accepts ?? [] });
  const one = (place: string) =>
    us.command(place, 'restore', 'latest', ...account, '--path', path, '--to', target);
  const all = (place: string) => us.command(place, 'restore', 'latest', '--all', '--to', target);
  for (let round = 0; round < restores; round++) {
    for (const [name, place] of [
      ['chain of 1', single],
      [`newest of ${chainLength}`, chain],
    ] as const) {
      for (const [what, command] of [
        ['one file', one(place)],
        ['everything', all(place)],
      ] as const) {
        run(['sync']);
        match.note(`${what}, ${name}`, measure([command], { sync: true }));
        rmSync(target, { recursive: true, force: true });
      }
    }
  }
  rmSync(single, { recursive: true, force: true });
}

/** One account of very many small files, as a full, unchanged, and with a hundredth of it changed. */
export function files(options: Options): PartResult[] {
  return [300_000, 1_000_000].map((full) => {
    const count = Math.round(full * options.scale);
    const { match, root } = smallFiles(options, 1, count, true);
    match.round('full', 0);
    for (let round = 0; round < options.pairs; round++) {
      match.round('nothing changed', round);
      run(['python3', '-B', changer, root, `${options.seed}/${round}`, '0.01', '0', '0']);
      match.round('a hundredth changed', round);
    }
    const { series } = match;
    match.close();
    rmSync(root, { recursive: true, force: true });
    return { title: `${count} small files in one account`, series };
  });
}

/** Ten thousand accounts of few files of which none changed: what an account costs by itself. */
export function accounts(options: Options): PartResult[] {
  const count = accountsOf(options);
  const { match, root } = smallFiles(options, count, 5, false);
  match.round('full', 0);
  for (let round = 0; round < Math.min(3, options.pairs); round++) match.round('nothing changed', round);
  const { series } = match;
  match.close();
  rmSync(root, { recursive: true, force: true });
  return [{ title: `${count} accounts of 5 files`, series }];
}

export const accountsOf = ({ scale }: Pick<Options, 'scale'>): number => Math.round(10_000 * scale);

function smallFiles(
  options: Options,
  accounts: number,
  files: number,
  withTar: boolean,
): { readonly match: Match; readonly root: string } {
  const root = join(options.workDir, 'small-files');
  rmSync(root, { recursive: true, force: true });
  console.log(`building ${accounts} accounts of ${files} files in ${root}`);
  const builder = join(import.meta.dirname, 'small_files.py');
  run(['python3', '-B', builder, root, String(accounts), String(files)]);
  const panel = { use: 'generic', accounts: [{ path: join(root, 'home/*') }] };
  const subject: Subject = { root, paths: ['home'], panel };
  const peers = withTar ? [ours(subject, options, 'holdfast-reading-none'), tar(subject)] : [];
  const match = new Match([ours(subject, options), ...peers], root, join(options.workDir, 'match'));
  return { match, root };
}
