/**
 * Exports the databases of many accounts into files, several at once.
 *
 * One database that fails never stops the others. The MariaDB or MySQL databases of an account come from
 * one instant where that can be had; each file appears under its name only when it is complete, checked and
 * on the disk, and until then the one before it stays.
 */

import type { DatabaseExport, DatabaseWarning, ExportSet } from '../../contracts/database.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { eachLimited } from '../each-limited.ts';
import type { ExportGroup } from './choose.ts';
import { compressed, endingOf } from './compress.ts';
import { FileWriter, syncDirectory } from './file-writer.ts';
import type {
  DatabaseOutcome,
  ExportEvent,
  ExportedDatabase,
  ExportPlace,
  ExportTarget,
  FailedDatabase,
} from './types.ts';

export interface ExportRun {
  readonly groups: readonly ExportGroup[];
  readonly target: ExportTarget;
  /** SQL text also where the engine has a format of its own. */
  readonly plain: boolean;
  /** Groups in work at once. */
  readonly concurrency: number;
  readonly now: () => number;
  /** 32 random hex digits. */
  readonly newObjectId: () => string;
  readonly signal: AbortSignal;
  readonly onEvent: (event: ExportEvent) => void;
}

/** PostgreSQL databases share no instant, so only so many of an account are read at once. */
const sideBySide = 2;

/** In the order in which they ended. Rejects only where the run is interrupted. */
export async function exportDatabases(run: ExportRun): Promise<readonly DatabaseOutcome[]> {
  const outcomes: DatabaseOutcome[] = [];
  const add = (outcome: DatabaseOutcome): void => {
    outcomes.push(outcome);
    run.onEvent({ type: 'ended', outcome });
  };
  const all = run.groups.flatMap(({ databases }) => databases);
  const estimatedBytes = all.reduce((sum, one) => sum + one.estimatedBytes, 0);
  run.onEvent({ type: 'chosen', databases: all.length, estimatedBytes });
  await eachLimited(run.groups.flatMap(batchesOf), run.concurrency, async (group) => {
    run.signal.throwIfAborted();
    await exportGroup(run, group, add);
  });
  return outcomes;
}

function batchesOf(group: ExportGroup): ExportGroup[] {
  if (group.engine.family !== 'postgresql' || group.error !== null) return [group];
  const batches: ExportGroup[] = [];
  for (let at = 0; at < group.databases.length; at += sideBySide) {
    batches.push({ ...group, databases: group.databases.slice(at, at + sideBySide) });
  }
  return batches;
}

async function exportGroup(
  run: ExportRun,
  group: ExportGroup,
  add: (outcome: DatabaseOutcome) => void,
): Promise<void> {
  const { account, engine, selector } = group;
  const startedAtMs = run.now();
  const names = group.databases.map(({ name }) => name);
  const fail = (database: string | null, error: unknown): void => {
    run.signal.throwIfAborted();
    add(failed(run, group, { database, startedAtMs, error }));
  };
  if (group.error !== null) return fail(null, group.error);
  let place: ExportPlace | null = null;
  try {
    place = await run.target.open(account, engine, run.signal);
    const { plain, signal } = run;
    const set = await engine.exports({ databases: names, selector, separate: true, plain, signal });
    const opened = place;
    // All have let go of the place before it is closed, however they ended.
    await Promise.allSettled(
      set.exports.map(async (one) => {
        const [database] = one.databases;
        try {
          add(await exportOne(run, group, { set, one, place: opened, startedAtMs }));
        } catch (error) {
          fail(database, error);
        }
      }),
    );
  } catch (error) {
    for (const name of names) fail(name, error);
  } finally {
    place?.close();
  }
  run.signal.throwIfAborted();
}

interface Work {
  readonly set: ExportSet;
  readonly one: DatabaseExport;
  readonly place: ExportPlace;
  readonly startedAtMs: number;
}

async function exportOne(
  run: ExportRun,
  group: ExportGroup,
  { set, one, place, startedAtMs }: Work,
): Promise<ExportedDatabase> {
  const [database] = one.databases;
  const { compression } = run.target;
  const files: FileWriter[] = [];
  const create = (): FileWriter => {
    const file = new FileWriter({ ...place, id: run.newObjectId() });
    files.push(file);
    return file;
  };
  try {
    const main = create();
    let plainBytes = 0;
    const counted = count(one.body, (bytes) => {
      plainBytes += bytes;
      run.onEvent({ type: 'bytes', bytes });
    });
    for await (const bytes of compressed(counted, compression)) await main.write(bytes);
    await main.complete();
    const result = await one.result();
    const base = place.baseName(database, run.now());
    const named: [FileWriter, string][] = [[main, `${base}.${one.format}${endingOf[compression]}`]];
    for (const { suffix, text } of place.keepsBesides ? result.besides : []) {
      const beside = create();
      await beside.write(Buffer.from(text));
      await beside.complete();
      named.push([beside, `${base}.${suffix}`]);
    }
    run.signal.throwIfAborted();
    for (const [file, name] of named) {
      file.name(name);
      files.splice(files.indexOf(file), 1);
    }
    await syncDirectory(place.directory);
    await place.afterwards(database, named[0]![1]);
    return {
      account: group.account,
      instance: group.engine.instance,
      engine: group.engine.engine,
      database,
      startedAtMs,
      endedAtMs: run.now(),
      warnings: [...warningsFor(set, database), ...result.warnings],
      notes: result.notes ?? [],
      error: null,
      path: `${place.path}/${named[0]![1]}`,
      plainBytes,
      storedBytes: main.bytes,
      instantMs: one.instantMs,
      consistency: set.consistency,
      lockHeldMs: set.lockHeldMs,
      lockedTables: result.lockedTables ?? [],
      said: result.said ?? null,
    };
  } finally {
    for (const file of files) await file.abandon();
  }
}

const warningsFor = (set: ExportSet, database: string): readonly DatabaseWarning[] =>
  set.warnings.filter((warning) => warning.database === database);

async function* count(
  body: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of body) {
    onBytes(bytes.length);
    yield bytes;
  }
}

function failed(
  run: ExportRun,
  { account, engine }: ExportGroup,
  { database, startedAtMs, error }: { database: string | null; startedAtMs: number; error: unknown },
): FailedDatabase {
  return {
    account,
    instance: engine.instance,
    engine: engine.engine,
    database,
    startedAtMs,
    endedAtMs: run.now(),
    warnings: [],
    notes: [],
    error: isHoldfastError(error)
      ? error
      : new HoldfastError('INTERNAL', error instanceof Error ? error.message : String(error), {
          cause: error,
          hint: 'Please report this as a defect.',
        }),
  };
}
