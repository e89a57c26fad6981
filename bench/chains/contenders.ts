/** The tools that back up the same tree again and again, each into a chain of its own. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encryptionIn } from '../encryption.ts';
import { type Command, run } from '../measure.ts';

/** What is backed up, and how each tool is told. */
export interface Subject {
  readonly root: string;
  /** Relative to the root. */
  readonly paths: readonly string[];
  /** For config.json. */
  readonly panel: object;
}

/** The last one reads no unchanged file again, as its peers do; by default one in thirty is read. */
export type OurName = 'holdfast' | 'holdfast-encrypted' | 'holdfast-reading-none';
export type ContenderName = OurName | 'restic' | 'tar';

export interface Contender {
  readonly name: ContenderName;
  /** Makes an empty repository in `place`, an empty directory. */
  prepare(place: string): void;
  /** The next snapshot of the chain in `place`; the first one is a full. */
  backup(place: string): readonly Command[];
}

/** What the setting allows: one file of a tree of these sizes, or none. */
const mostRare = 100_000;
/** Finished, with warnings: after rounds in which nothing changed a night is a finding in the account where most did. */
const unusualChange = 100;
const checkout = join(import.meta.dirname, '../..');

export interface OurContender extends Contender {
  /** Any other command line. */
  command(place: string, ...rest: readonly string[]): Command;
}

export function ours(
  { panel }: Subject,
  { source }: { readonly source: boolean },
  name: OurName = 'holdfast',
): OurContender {
  const program = [process.execPath, join(checkout, source ? 'src/cli/main.ts' : 'dist/cli/main.js')];
  const command = (place: string, ...rest: readonly string[]): Command => ({
    stages: [[...program, '--config', join(place, 'config'), '--quiet', ...rest]],
  });
  return {
    name,
    prepare(place) {
      const config = join(place, 'config');
      mkdirSync(join(config, 'addins.d'), { recursive: true });
      const write = (name: string, value: unknown): void =>
        writeFileSync(join(config, name), JSON.stringify(value), { mode: 0o600 });
      write('config.json', { panel, databases: [], concurrency: 2 });
      const store = { use: 'local', path: join(place, 'store') };
      const rereadEvery = name === 'holdfast-reading-none' ? mostRare : undefined;
      const provider = { use: 'chain', cadence: 'forever', rereadEvery };
      const encryption = encryptionIn(place, name === 'holdfast-encrypted');
      write('addins.d/bench.json', { name: 'bench', provider, store, encryption });
    },
    backup: (place) => [{ ...command(place, 'backup'), accepts: [unusualChange] }],
    command,
  };
}

export function restic({ root, paths }: Subject): Contender {
  const env = (place: string): Record<string, string> => ({
    RESTIC_REPOSITORY: join(place, 'repository'),
    RESTIC_CACHE_DIR: join(place, 'cache'),
    RESTIC_PASSWORD: 'not-a-secret',
  });
  return {
    name: 'restic',
    prepare(place) {
      mkdirSync(join(place, 'cache'));
      run(['restic', '--quiet', 'init'], { env: env(place) });
    },
    backup: (place) => [{ stages: [['restic', '--quiet', 'backup', ...paths]], env: env(place), cwd: root }],
  };
}

/** Its list of what it saw is brought up to date by each run, so that each is against the one before. */
export function tar({ root, paths }: Subject): Contender {
  let made = 0;
  const keepAll = ['--xattrs', '--acls', '--xattrs-include=*'];
  return {
    name: 'tar',
    prepare: () => {},
    backup(place) {
      const list = `--listed-incremental=${join(place, 'seen.snar')}`;
      const stages = [
        ['tar', ...keepAll, list, '-cf', '-', '-C', root, ...paths],
        ['zstd', '-3', '-T0', '-cq'],
      ];
      return [{ stages, output: join(place, `${String(made++).padStart(3, '0')}.tar.zst`) }];
    },
  };
}
