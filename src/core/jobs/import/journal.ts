/**
 * Records of imports under way and of replaced databases that are kept, one file each under
 * `<state>/imports`. A record is on disk before what it speaks of is touched.
 */

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImportRecord } from '../../databases/import/types.ts';
import { readJsonFile, writeJsonFile } from '../../state/atomic-file.ts';

export class ImportJournal {
  readonly #directory: string;

  constructor(stateDir: string) {
    this.#directory = join(stateDir, 'imports');
  }

  /** Never with the importer's password. */
  async put(record: ImportRecord): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const importer = { ...record.importer, password: null };
    await writeJsonFile(this.#path(record), { ...record, importer });
  }

  /**
   * What an import that was undone leaves: nothing, or what is kept as it was before somebody wanted it back. One file
   * is written or removed, so a kill leaves one or the other.
   */
  async putBack(record: ImportRecord): Promise<void> {
    const { reverses } = record;
    if (reverses === undefined || reverses === null) await this.remove(record);
    else await this.put(reverses);
  }

  /** Later than all that is noted, also where the clock was set back since: the last is told by it. */
  async nextStartMs(now: number): Promise<number> {
    const latest = (await this.list()).at(-1)?.startedAtMs ?? Number.NEGATIVE_INFINITY;
    return Math.max(now, latest + 1);
  }

  async remove(record: ImportRecord): Promise<void> {
    await rm(this.#path(record), { force: true });
  }

  /** Oldest first. What is no record is passed over. */
  async list(): Promise<readonly ImportRecord[]> {
    const names = await readdir(this.#directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const found: ImportRecord[] = [];
    for (const name of names.filter((one) => /^[0-9a-f]{32}\.json$/.test(one))) {
      const read = await readJsonFile(join(this.#directory, name));
      if ('value' in read && isRecord(read.value)) found.push(read.value);
    }
    return found.sort((a, b) => a.startedAtMs - b.startedAtMs);
  }

  #path({ id }: Pick<ImportRecord, 'id'>): string {
    return join(this.#directory, `${id}.json`);
  }
}

function isRecord(value: unknown): value is ImportRecord {
  const record = value as Partial<ImportRecord> | null;
  return (
    typeof record === 'object' &&
    record?.version === 1 &&
    typeof record.id === 'string' &&
    typeof record.database === 'string' &&
    typeof record.scratch === 'string' &&
    typeof record.importer?.user === 'string' &&
    (record.phase === 'loading' || record.phase === 'swapping' || record.phase === 'kept')
  );
}
