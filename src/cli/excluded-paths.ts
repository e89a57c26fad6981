/** Says of paths that somebody asks for that backups leave them out: they look empty, or absent. */

import { shown } from '../core/filesystem/path-text.ts';
import type { Snapshot } from '../core/jobs/catalog.ts';
import { exclusionOver } from '../core/jobs/excluded.ts';
import { printable } from '../core/printable.ts';
import { otherComplete, saidOfOthers } from './better-snapshots.ts';
import type { Output } from './output.ts';
import type { Search } from './search.ts';

/** Each costs a look at other snapshots, and a command line may name any number. */
const mostNotes = 5;

/** @param paths raw, inside the snapshot */
export async function noteExcluded(
  output: Pick<Output, 'note'>,
  search: Search,
  snapshot: Snapshot,
  paths: readonly Buffer[],
): Promise<void> {
  const excluded = paths.flatMap((path) => {
    const exclusion = exclusionOver(snapshot, path);
    return exclusion === null ? [] : [{ path, exclusion }];
  });
  for (const { path, exclusion } of excluded.slice(0, mostNotes)) {
    const by = `by the exclusion ${printable(exclusion, 4096)}`;
    output.note(`note: ${shown(path)} is left out of ${snapshot.name} ${by}`);
    const without = await saidOfOthers(() => newestWithout(search, snapshot, path));
    if (without !== null) output.note(`hint: ${without}`);
  }
}

async function newestWithout(search: Search, snapshot: Snapshot, path: Buffer): Promise<string | null> {
  for await (const other of otherComplete(search, snapshot))
    if (exclusionOver(other, path) === null)
      return `the newest one that does not leave it out is ${other.name}`;
  return null;
}
