/**
 * The database part of one snapshot: discover, export side by side, record each as a component.
 *
 * A database that fails is a failed component; the others, and the files, go on. Only a failing store
 * stops everything, and that is for the caller to see in the writer.
 */

import { componentErrorOf } from '../../archive/components.ts';
import { encodeName, jointFileName } from '../../archive/keys.ts';
import type { BesideRef, DatabaseComponent } from '../../archive/manifest.ts';
import type { DatabaseEngine, DatabaseExport, ExportSet } from '../../contracts/database.ts';
import type { Account, DatabaseSelector } from '../../contracts/panel.ts';

import { quoted } from '../../printable.ts';
import { bytesOf } from '../../streams.ts';
import type { Snapshot } from '../catalog.ts';
import type { DatabaseNote } from '../findings/database-notes.ts';
import type { EarlierExport } from './held-export.ts';
import type { SnapshotWriter } from './snapshot-writer.ts';
import { unknownDatabases } from './unknown-databases.ts';
import type { WarningList } from './warnings.ts';

export interface ExportContext {
  readonly account: Account;
  readonly engines: readonly DatabaseEngine[];
  readonly writer: SnapshotWriter;
  readonly warnings: WarningList;
  /** Its exports are referred to where they are the same; null for a full. */
  readonly parent: Snapshot | null;
  readonly onBytes: (bytes: number) => void;
  /** Something that a client said although it ended well; safe to print. */
  readonly onSaid: (component: string, said: string) => void;
}

export interface ExportedDatabases {
  readonly components: readonly DatabaseComponent[];
  /** Families the account uses that no engine of the configuration exports. */
  readonly unconfigured: readonly string[];
  /** Told where they are new. */
  readonly notes: readonly DatabaseNote[];
}

export async function exportDatabases(context: ExportContext): Promise<ExportedDatabases> {
  const components: DatabaseComponent[] = [];
  const notes: DatabaseNote[] = [];
  const unconfigured: string[] = [];
  for (const selector of context.account.databases) {
    const engines = context.engines.filter((engine) => engine.family === selector.family);
    if (engines.length === 0) unconfigured.push(selector.family);
    for (const engine of engines) {
      components.push(...(await exportFrom(engine, selector, context, notes)));
      if (context.writer.failed !== null) throw context.writer.failed;
    }
  }
  return { components, unconfigured, notes };
}

async function exportFrom(
  engine: DatabaseEngine,
  selector: DatabaseSelector,
  context: ExportContext,
  notes: DatabaseNote[],
): Promise<DatabaseComponent[]> {
  const { signal } = context.writer;
  let set: ExportSet;
  let names: string[] = [];
  try {
    names = (await engine.discover({ selector, signal })).map(({ name }) => name);
    if (names.length === 0) return [];
    set = await engine.exports({ databases: names, selector, signal });
  } catch (error) {
    signal.throwIfAborted();
    const failed = names.length > 0 ? names : [unknownDatabases];
    return failed.map((name) => failedComponent(engine, [name], 'sql', error));
  }
  for (const warning of set.warnings) {
    const one = set.exports.find(({ databases }) => databases.includes(warning.database));
    const { name } = common(engine, one?.databases ?? [warning.database], one?.format ?? 'sql');
    context.warnings.add({ code: warning.code, component: name, message: warning.message });
  }
  return Promise.all(set.exports.map((one) => writeOne(engine, set, one, context, notes)));
}

async function writeOne(
  engine: DatabaseEngine,
  set: ExportSet,
  one: DatabaseExport,
  context: ExportContext,
  notes: DatabaseNote[],
): Promise<DatabaseComponent> {
  const { writer } = context;
  try {
    const { onBytes } = context;
    const before = earlierOf(engine, one, context.parent);
    const earlier = before?.object ?? null;
    const written = await writer.writeExport('export', one.format, one.body, { onBytes, earlier });
    const result = await one.result();
    const { name } = common(engine, one.databases, one.format);
    for (const { code, database, message } of result.warnings) {
      // The component of a joint dump does not say which of its databases is meant.
      const which = one.databases.length > 1 ? `database ${quoted(database)}: ` : '';
      context.warnings.add({ code, component: name, message: `${which}${message}` });
    }
    for (const note of result.notes ?? [])
      notes.push({ ...note, instance: engine.instance, component: name, isJoint: one.databases.length > 1 });
    if (result.said !== undefined) context.onSaid(name, result.said);
    const besides: BesideRef[] = [];
    for (const { suffix, text } of result.besides) {
      const options = { onBytes, earlier: before?.besides.get(suffix) ?? null };
      const beside = await writer.writeExport('beside', 'sql', bytesOf(Buffer.from(text)), options);
      besides.push({ suffix, object: beside.number, plainBytes: beside.plainBytes, sha256: beside.sha256 });
    }
    return {
      ...common(engine, one.databases, one.format),
      state: 'complete',
      instant: new Date(one.instantMs).toISOString(),
      consistency: set.consistency,
      lockHeldMs: set.lockHeldMs,
      ...((result.lockedTables ?? []).length === 0 ? {} : { lockedTables: result.lockedTables! }),
      object: written.number,
      plainBytes: written.plainBytes,
      sha256: written.sha256,
      besides,
    };
  } catch (error) {
    if (writer.failed !== null || writer.signal.aborted) throw error;
    return failedComponent(engine, one.databases, one.format, error);
  }
}

/** What the parent holds of the same database; null where it has nothing whole of it. */
function earlierOf(
  engine: DatabaseEngine,
  one: DatabaseExport,
  parent: Snapshot | null,
): { readonly object: EarlierExport | null; readonly besides: ReadonlyMap<string, EarlierExport> } | null {
  if (parent === null) return null;
  const { name, format } = common(engine, one.databases, one.format);
  const component = parent.body.components.find((other) => other.type === 'database' && other.name === name);
  if (component?.type !== 'database' || component.state !== 'complete' || component.format !== format)
    return null;
  const objects = [...parent.header.objects, ...parent.header.references];
  const earlier = (
    number: number | null,
    plainBytes: number,
    sha256: string | null,
  ): EarlierExport | null => {
    const object = objects.find((ref) => ref.number === number);
    return object === undefined || sha256 === null ? null : { plainBytes, sha256, object };
  };
  const besides = new Map<string, EarlierExport>();
  for (const beside of component.besides) {
    const found = earlier(beside.object, beside.plainBytes, beside.sha256);
    if (found !== null) besides.set(beside.suffix, found);
  }
  return { object: earlier(component.object, component.plainBytes, component.sha256), besides };
}

function common(
  engine: DatabaseEngine,
  databases: readonly string[],
  format: 'sql' | 'pgdump',
): Pick<DatabaseComponent, 'type' | 'name' | 'instance' | 'engine' | 'databases' | 'format'> {
  const base = databases.length === 1 ? encodeName(databases[0]!) : jointFileName;
  const name = `${engine.instance}/${base}`;
  return { type: 'database', name, instance: engine.instance, engine: engine.engine, databases, format };
}

function failedComponent(
  engine: DatabaseEngine,
  databases: readonly string[],
  format: 'sql' | 'pgdump',
  error: unknown,
): DatabaseComponent {
  return {
    ...common(engine, databases, format),
    state: 'failed',
    error: componentErrorOf(error),
    instant: null,
    consistency: null,
    lockHeldMs: 0,
    object: null,
    plainBytes: 0,
    sha256: null,
    besides: [],
  };
}
