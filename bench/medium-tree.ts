/** The tree that every tool backs up: built once, then found again. */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './measure.ts';
import type { Options } from './options.ts';

export interface TreeCounts {
  readonly inodes: number;
  readonly bytes: number;
  readonly accessLists: number;
  readonly userXattrs: number;
  readonly hardLinks: number;
  readonly symlinks: number;
  readonly fifos: number;
}

export interface MediumTree {
  readonly root: string;
  /** `site1` and so on. */
  readonly accounts: readonly string[];
  readonly largestAccount: string;
  /** An upload of 20 to 200 kB; the path begins with the name of the tree. */
  readonly oneFile: { readonly account: string; readonly path: string };
  readonly counts: TreeCounts;
}

/** What each account consists of, as directories below its home. */
export const treesOfAccount = ['shadow', 'info'] as const;

const builder = join(import.meta.dirname, 'medium_tree.py');
const sources = [
  builder,
  ...['sample_shadow.py', 'sample_panel.py', 'fixture_entries.py'].map((name) =>
    join(import.meta.dirname, '../test/support', name),
  ),
];

/** Builds the tree unless a whole one of the same options is there. */
export function mediumTree({
  workDir,
  scale,
  seed,
}: Pick<Options, 'workDir' | 'scale' | 'seed'>): MediumTree {
  const version = createHash('sha256').update(`${scale} ${seed}`);
  for (const source of sources) version.update(readFileSync(source));
  const place = join(workDir, `tree-${version.digest('hex').slice(0, 12)}`);
  // Written last, so that a build that was stopped half-way does not count.
  const mark = join(place, 'made.json');
  const root = join(place, 'root');
  if (!existsSync(mark)) {
    console.log(`building the tree in ${root}`);
    rmSync(place, { recursive: true, force: true });
    mkdirSync(place, { recursive: true });
    writeFileSync(mark, run(['python3', '-B', builder, root, String(scale), seed]));
  }
  return { root, ...(JSON.parse(readFileSync(mark, 'utf8')) as Omit<MediumTree, 'root'>) };
}

/** What to back up, relative to the root. */
export const pathsOf = ({ accounts }: MediumTree): string[] =>
  accounts.flatMap((account) => treesOfAccount.map((tree) => join(homeOf(account), tree)));

export const homeOf = (account: string): string => join('home/virtual', account);

export const pathOfOneFile = ({ oneFile }: MediumTree): string => join(homeOf(oneFile.account), oneFile.path);
