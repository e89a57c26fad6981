/**
 * Builds a server that looks like ApisCP on disk, for tests, the demo and the benchmark.
 *
 * Accounts hold a WordPress-like document root, mail, uploads and one of each odd thing that real accounts
 * hold. Some are suspended or half edited, and two prefixes differ in their `_` only. Everything follows
 * from the options: equal options give equal bytes, owners and names.
 *
 * Beside the trees lie decoys with the text "captured by mistake": mounted views, overlay scratch space
 * and raw database files. None of that text may ever appear in a store.
 */

import { join } from 'node:path';
import { runPython } from './run-python.ts';

export interface SamplePanelOptions {
  /** Accounts `site1` to `siteN`; 5 where nothing is said. */
  readonly accounts?: number;
  /** About this many files in each; 200 where nothing is said. */
  readonly filesPerAccount?: number;
  /** Mean size of a file in bytes; 4,096 where nothing is said. */
  readonly bytesPerFile?: number;
  readonly seed?: string;
}

export interface SampleAccount {
  /** `site12`; `admin` is its system group's link, `admin12`. */
  readonly site: string;
  readonly admin: string;
  readonly domain: string;
  readonly aliases: readonly string[];
  readonly adminUser: string;
  /** Database prefix, with its underscore. */
  readonly prefix: string;
  readonly uid: number;
  readonly gid: number;
  readonly state: 'active' | 'suspended' | 'editing';
  /** Where the present metadata lies below `info`: panels of different age differ. */
  readonly generation: 'current' | 'cur';
  readonly accessLists: boolean;
  readonly home: string;
  readonly shadow: string;
  readonly info: string;
}

export interface SamplePanel {
  readonly root: string;
  readonly accounts: readonly SampleAccount[];
}

/**
 * Builds the panel below `root`, which must not hold one yet. Needs root. 20 accounts of 4,000 files take
 * about ten seconds on two cores.
 */
export async function buildSamplePanel(root: string, options: SamplePanelOptions = {}): Promise<SamplePanel> {
  const accounts = Array.from({ length: options.accounts ?? 5 }, (_, index) => describe(root, index + 1));
  const { filesPerAccount = 200, bytesPerFile = 4096, seed = 'holdfast' } = options;
  await runPython(
    'sample_panel.py',
    [],
    JSON.stringify({ root, accounts, filesPerAccount, bytesPerFile, seed }),
  );
  return { root, accounts };
}

/** The first account that is neither suspended nor half edited comes first, so that small panels have one. */
function describe(root: string, number: number): SampleAccount {
  const site = `site${number}`;
  const home = join(root, 'home/virtual', site);
  return {
    site,
    admin: `admin${number}`,
    domain: `example-${number}.test`,
    aliases: [`www.example-${number}.test`, `shop-${number}.test`],
    adminUser: `owner${number}`,
    prefix: prefixOf(number),
    uid: 20_000 + number,
    gid: 20_000 + number,
    state: number % 5 === 3 ? 'suspended' : number % 5 === 4 ? 'editing' : 'active',
    generation: number % 5 === 2 ? 'cur' : 'current',
    accessLists: number % 4 !== 0,
    home,
    shadow: join(home, 'shadow'),
    info: join(home, 'info'),
  };
}

/** `exa_` as a pattern would match `exaorg_` as well: the classic way to export a neighbour's database. */
function prefixOf(number: number): string {
  if (number === 1) return 'exa_';
  return number === 2 ? 'exaorg_' : `site${number}_`;
}
