/** The export of a database inside a snapshot as a dump to import, out of a joint one too. */

import { createHash } from 'node:crypto';
import type { Component, DatabaseComponent } from '../../archive/manifest.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import type { Snapshot } from '../catalog.ts';
import { readExport } from '../restore/restore-databases.ts';
import type { DumpSource } from './types.ts';

export interface SnapshotDump extends DumpSource {
  /** `name` of the server it was exported from. */
  readonly instance: string;
}

/** A provider, with keys where exports are encrypted. */
type ExportReader = Parameters<typeof readExport>[2]['provider'];

const isDatabase = (component: Component): component is DatabaseComponent => component.type === 'database';

/**
 * @param instance null where the name alone must tell
 * @throws PATH_NOT_FOUND the snapshot does not hold it; USAGE several servers had one of that name
 */
export function snapshotDump(
  snapshot: Snapshot,
  provider: ExportReader,
  { database, instance }: { readonly database: string; readonly instance: string | null },
): SnapshotDump {
  const found = snapshot.body.components
    .filter(isDatabase)
    .filter((one) => one.databases.includes(database) && (instance === null || one.instance === instance));
  const complete = found.filter((one) => one.state === 'complete' && one.object !== null);
  const [component, other] = complete;
  if (component === undefined) {
    const why = found.length > 0 ? 'its export failed in this snapshot' : 'it is not in this snapshot';
    throw new HoldfastError('PATH_NOT_FOUND', `cannot import database ${quoted(database)}: ${why}`, {
      hint: 'Run `holdfast snapshots --json` to see the databases of each snapshot.',
    });
  }
  if (other !== undefined) {
    throw new HoldfastError('USAGE', `several servers had a database ${quoted(database)}`, {
      hint: `Name one: ${complete.map((one) => `${one.instance}/${database}`).join(', ')}.`,
    });
  }
  return {
    family: component.engine === 'postgresql' ? 'postgresql' : 'mysql',
    format: component.format,
    source: database,
    label: `${component.name} of ${snapshot.name}`,
    totalBytes: component.plainBytes,
    instance: component.instance,
    open: (signal) => verified(component, snapshot, provider, signal),
  };
}

async function* verified(
  component: DatabaseComponent,
  snapshot: Snapshot,
  provider: ExportReader,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const digest = createHash('sha256');
  try {
    for await (const plain of readExport({ object: component.object ?? -1 }, snapshot, {
      provider,
      signal,
    })) {
      digest.update(plain);
      yield plain;
    }
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'OBJECT_MISSING' || error.hint !== undefined) throw error;
    throw new HoldfastError(error.code, `${quoted(component.name)} of ${snapshot.name}: ${error.message}`, {
      cause: error,
      hint: 'Run `holdfast repair`, which takes it from a copy that has it, or import from another snapshot.',
    });
  }
  if (digest.digest('hex') === component.sha256) return;
  throw new HoldfastError('OBJECT_DAMAGED', `the export of ${quoted(component.name)} has another hash`, {
    hint: 'Import the database from another snapshot.',
  });
}
