/**
 * Which snapshots restores of this machine read at this moment: one small file for each restore, `restores/<id>.json`.
 *
 * A snapshot that a living process has marked is kept by prune, whatever the rules say. What a restore left that was killed
 * counts for nothing, and whoever looks removes it. Restores of other machines are not seen here: those need a pin.
 */

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';
import { isAlive, ownMark, type ProcessMark } from './process-mark.ts';
import { isRestoreFile } from './state-schemas.ts';

/** Of each snapshot as much as tells its objects after its manifest has gone. */
export interface RestoredSnapshot {
  /** Twelve hex digits. */
  readonly id: string;
  readonly server: string;
  readonly owner: string;
  /** `<server>/<owner>` of all objects that it names, those of others among them. */
  readonly places: readonly string[];
}

interface RestoreFile extends ProcessMark {
  readonly snapshots: readonly RestoredSnapshot[];
}

const directoryOf = (stateDir: string): string => join(stateDir, 'restores');

/**
 * Marks these snapshots until what it resolves with is called, which never fails.
 *
 * @param id of the restore, twelve hex digits
 * @throws a system error where the state cannot be written; then nothing is marked
 */
export async function markRestored(
  stateDir: string,
  id: string,
  snapshots: readonly RestoredSnapshot[],
): Promise<() => Promise<void>> {
  const directory = directoryOf(stateDir);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `${id}.json`);
  const file: RestoreFile = { ...ownMark(), snapshots };
  await writeJsonFile(path, file, { durable: false }); // a mark does not outlive its process
  return () => rm(path, { force: true }).catch(() => {});
}

/** Ids of all that are marked. @throws a system error where the state is there and cannot be read */
export async function restoredSnapshots(stateDir: string): Promise<ReadonlySet<string>> {
  return new Set((await markedSnapshots(stateDir)).map(({ id }) => id));
}

/** All that are marked, once for each restore. @throws a system error where the state is there and cannot be read */
export async function markedSnapshots(stateDir: string): Promise<readonly RestoredSnapshot[]> {
  const directory = directoryOf(stateDir);
  const marked: RestoredSnapshot[] = [];
  for (const name of await namesIn(directory)) {
    const path = join(directory, name);
    const read = await readJsonFile(path);
    if ('missing' in read) continue;
    if ('value' in read && isRestoreFile(read.value) && isAlive(read.value))
      for (const one of read.value.snapshots) marked.push(one);
    else await rm(path, { force: true });
  }
  return marked;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((one) => /^[0-9a-f]{12}\.json$/.test(one));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
