/**
 * Which paths of a snapshot a restore is about.
 */

import { type Entry, isWithin } from '../../archive/entry.ts';
import { HoldfastError } from '../../errors.ts';
import { shown } from '../../filesystem/path-text.ts';
import { printable } from '../../printable.ts';
import type { Snapshot } from '../catalog.ts';
import { exclusionOver } from '../excluded.ts';
import { lostNamesHint } from '../has-lost.ts';
import type { IndexReader } from '../index-reader.ts';

export interface WantedPaths {
  readonly snapshot: Snapshot;
  /** Raw paths inside the snapshot; each brings what lies below it. */
  readonly paths: readonly Buffer[];
  /** True where nothing narrows it down. */
  readonly everything: boolean;
}

/**
 * The paths to restore, none within another; one empty path for everything.
 *
 * @throws PATH_NOT_FOUND one of them is not in the snapshot
 * @throws USAGE one is empty, which would mean everything
 */
export async function pathsWanted(reader: IndexReader, wanted: WantedPaths): Promise<readonly Buffer[]> {
  if (wanted.everything) return [Buffer.alloc(0)];
  const paths = wanted.paths.map((path) => {
    const text = path
      .toString('latin1')
      .replace(/^\/+|\/+$/g, '')
      .replace(/\/{2,}/g, '/');
    return Buffer.from(text, 'latin1');
  });
  for (const path of paths) {
    if (path.length === 0) {
      throw new HoldfastError('USAGE', 'a path is empty', {
        hint: 'Name a path inside the snapshot; everything is asked for by naming none.',
      });
    }
    if ((await reader.lookup(path)) === null) {
      const message = `there is no ${shown(path)} in ${wanted.snapshot.name}`;
      if (/^databases(?:\/|$)/.test(path.toString('latin1'))) {
        throw new HoldfastError('PATH_NOT_FOUND', message, {
          hint: 'Exports are no paths: name the database with --database <instance>/<name>, as holdfast ls shows it.',
        });
      }
      const exclusion = exclusionOver(wanted.snapshot, path);
      if (exclusion !== null) {
        throw new HoldfastError('PATH_NOT_FOUND', `${message}: ${leftOutBy(exclusion)}`, {
          hint: 'Name a snapshot that was made without that exclusion.',
        });
      }
      const encoded = path.includes('%') ? 'Give names as holdfast ls shows them by --path-percent. ' : '';
      throw new HoldfastError('PATH_NOT_FOUND', message, {
        hint: `${lostNamesHint(wanted.snapshot.body)}${encoded}${await whereToLook(reader, path)}`,
      });
    }
  }
  return paths.filter(
    (path, i) =>
      !paths.some((other, j) => j !== i && isWithin(path, other) && (other.length < path.length || j < i)),
  );
}

const leftOutBy = (exclusion: string): string =>
  `it is left out by the exclusion ${printable(exclusion, 4096)}`;

/** The nearest that is there above a path that is not. */
async function whereToLook(reader: IndexReader, path: Buffer): Promise<string> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const above = path.subarray(0, end);
    if ((await reader.lookup(above)) !== null) return `See with holdfast ls what is in ${shown(above)}.`;
  }
  return `Begin paths with the tree (here ${treesText(reader)}), and see with holdfast ls what is there.`;
}

const treesText = ({ root }: IndexReader): string => root.trees.map(({ name }) => printable(name)).join(', ');

/** Name of the tree that an entry belongs to. */
export function treeName(entry: Pick<Entry, 'path'>): string {
  const end = entry.path.indexOf(0x2f);
  return entry.path.toString('latin1', 0, end < 0 ? entry.path.length : end);
}
