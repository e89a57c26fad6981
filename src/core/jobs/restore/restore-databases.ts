/**
 * Writes the exports of a snapshot as files: `databases/<instance>/<name>.sql`, texts kept beside them too.
 *
 * A file appears under its name only when all its bytes were there and had the right hash.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { fileType, typeOf } from '../../archive/entry.ts';
import { plainFrames } from '../../archive/frame-splitter.ts';
import { encodeFileName, encodeName, jointFileName } from '../../archive/keys.ts';
import type { Component, DatabaseComponent } from '../../archive/manifest.ts';
import { type KeyedProvider, streamPayload } from '../../encryption/keyed-provider.ts';
import { HoldfastError } from '../../errors.ts';
import { ExactNames } from '../../filesystem/exact-names.ts';
import { flushData } from '../../filesystem/flush.ts';
import {
  closeFd,
  errnoName,
  O,
  openAt,
  renameAt,
  Stat,
  statFd,
  unlinkAt,
  zName,
} from '../../filesystem/native.ts';
import { OpenDirectories } from '../../filesystem/open-directories.ts';
import { createFile } from '../../filesystem/write-entry.ts';
import { quoted } from '../../printable.ts';
import type { Snapshot } from '../catalog.ts';
import { writeAt } from './write-content.ts';

/** One file to write. */
export interface DatabaseFile {
  readonly component: DatabaseComponent;
  /** Below the target. */
  readonly path: string;
  readonly object: number;
  readonly plainBytes: number;
  readonly sha256: string;
  /** Of a text kept beside an export; absent for the export itself. */
  readonly suffix?: string;
}

/**
 * @param names plain or `<instance>/<name>`; null for all
 * @throws PATH_NOT_FOUND a name is in no complete component
 */
export function databaseFiles(snapshot: Snapshot, names: readonly string[] | null): DatabaseFile[] {
  const all = snapshot.body.components.filter(isDatabase);
  const wanted = new Set<DatabaseComponent>();
  if (names === null) for (const one of all) wanted.add(one);
  for (const name of names ?? []) {
    const found = all.filter(
      (one) =>
        one.name === name ||
        one.databases.some((database) => database === name || `${one.instance}/${database}` === name),
    );
    const complete = found.filter((one) => one.state === 'complete');
    if (complete.length === 0) {
      const why = found.length > 0 ? 'its export failed in this snapshot' : 'it is not in this snapshot';
      throw new HoldfastError('PATH_NOT_FOUND', `cannot restore database ${quoted(name)}: ${why}`, {
        hint: 'Run `holdfast snapshots --json` to see the databases of each snapshot.',
      });
    }
    for (const one of complete) wanted.add(one);
  }
  const files = [...wanted].flatMap(filesOf);
  const paths = new Set<string>();
  for (const { path } of files) {
    if (paths.has(path)) {
      throw new HoldfastError(
        'OBJECT_DAMAGED',
        `the manifest of ${snapshot.name} has two exports for ${path}`,
        {
          hint: 'Restore another snapshot: Holdfast does not write such a manifest.',
        },
      );
    }
    paths.add(path);
  }
  return files;
}

const isDatabase = (component: Component): component is DatabaseComponent => component.type === 'database';

function filesOf(component: DatabaseComponent): DatabaseFile[] {
  if (component.state !== 'complete' || component.object === null || component.sha256 === null) return [];
  const base = component.databases.length === 1 ? encodeFileName(component.databases[0]!) : jointFileName;
  const directory = `databases/${encodeName(component.instance)}`;
  const { object, plainBytes, sha256 } = component;
  const main = { component, path: `${directory}/${base}.${component.format}`, object, plainBytes, sha256 };
  const besides = component.besides.map((beside) => ({
    ...beside,
    component,
    path: `${directory}/${base}.${encodeName(beside.suffix)}`,
  }));
  return [main, ...besides];
}

/** @returns false where it was there already. @throws OBJECT_DAMAGED, OBJECT_MISSING, TARGET_UNWRITABLE */
export async function writeDatabaseFile(
  target: number,
  file: DatabaseFile,
  snapshot: Snapshot,
  options: {
    readonly provider: KeyedProvider;
    readonly resume: boolean;
    /** The target takes several names for one. */
    readonly alike: boolean;
    readonly signal: AbortSignal;
    readonly onBytes: (bytes: number) => void;
  },
): Promise<boolean> {
  const exact = options.alike ? new ExactNames() : null;
  const directories = new OpenDirectories(target, exact?.enter());
  try {
    const parent = directories.parentOf(Buffer.from(file.path));
    exact?.has(parent, Buffer.from(file.path));
    const base = file.path.slice(file.path.lastIndexOf('/') + 1);
    const name = zName(base);
    if (options.resume && (await isWritten(parent, name, file))) return false;
    const temporary = zName(`.${base}.partial`);
    const fd = createFile(parent, temporary, true);
    try {
      await copy(fd, file, snapshot, options);
      flushData(fd);
      const rc = renameAt(parent, temporary, parent, name);
      if (rc < 0) throw new HoldfastError('TARGET_UNWRITABLE', `cannot name ${file.path}: ${errnoName(rc)}`);
    } catch (error) {
      unlinkAt(parent, temporary);
      throw error;
    } finally {
      closeFd(fd);
    }
    return true;
  } finally {
    directories.close();
  }
}

/** An earlier run has finished it: it has the size and the hash. */
async function isWritten(parent: number, name: Buffer, file: DatabaseFile): Promise<boolean> {
  const fd = openAt(parent, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
  if (fd < 0) return false;
  try {
    const stat = new Stat();
    statFd(fd, stat);
    if (typeOf(stat) !== fileType.regular || stat.size !== file.plainBytes) return false;
    const digest = createHash('sha256');
    await pipeline(createReadStream('', { fd, autoClose: false, start: 0 }), digest);
    return digest.digest('hex') === file.sha256;
  } finally {
    closeFd(fd);
  }
}

async function copy(
  fd: number,
  file: DatabaseFile,
  snapshot: Snapshot,
  options: {
    readonly provider: KeyedProvider;
    readonly signal: AbortSignal;
    readonly onBytes: (bytes: number) => void;
  },
): Promise<void> {
  const digest = createHash('sha256');
  let written = 0;
  for await (const plain of readExport(file, snapshot, options)) {
    digest.update(plain);
    writeAt(fd, plain, written);
    written += plain.length;
    options.onBytes(plain.length);
  }
  if (digest.digest('hex') !== file.sha256) {
    throw new HoldfastError(
      'OBJECT_DAMAGED',
      `the export of ${quoted(file.component.name)} has another hash`,
      {
        hint: 'Restore the database from another snapshot.',
      },
    );
  }
}

/** Plain bytes of an export. @throws OBJECT_MISSING, OBJECT_DAMAGED */
export function readExport(
  file: { readonly object: number },
  snapshot: Snapshot,
  options: { readonly provider: KeyedProvider; readonly signal: AbortSignal },
): AsyncGenerator<Buffer> {
  const object = [...snapshot.header.objects, ...snapshot.header.references].find(
    (one) => one.number === file.object,
  );
  if (object === undefined) {
    throw new HoldfastError(
      'OBJECT_DAMAGED',
      `the manifest of ${snapshot.name} does not name its own exports`,
    );
  }
  const stored = streamPayload(options.provider, object, options.signal);
  return plainFrames(stored, `object ${object.key}`);
}
