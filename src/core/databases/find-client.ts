/** Finds the clients that make dumps: where the configuration says, else where packages put them. */

import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { HoldfastError } from '../errors.ts';
import { quoted } from '../printable.ts';

export interface ClientSearch {
  /** File names to look for, best first. */
  readonly names: readonly string[];
  /** A client, or the directory of clients; from the configuration. */
  readonly clientPath: string | undefined;
  /** Directories to look into before PATH, best first. */
  readonly directories: readonly string[];
  /** What to install where none is found. */
  readonly packages: string;
}

/** @throws PREREQUISITE_MISSING there is no such client */
export function findClient(search: ClientSearch): string {
  const { clientPath, names } = search;
  if (clientPath !== undefined) {
    const found = isDirectory(clientPath) ? firstIn([clientPath], names) : runnable(clientPath);
    if (found !== null) return found;
    throw new HoldfastError('PREREQUISITE_MISSING', `no database client at ${quoted(clientPath)}`, {
      hint: 'Correct clientPath of this database in config.json, or leave it out.',
    });
  }
  const found = firstIn([...search.directories, ...searchPath()], names);
  if (found !== null) return found;
  throw new HoldfastError('PREREQUISITE_MISSING', `${names.join(' and ')} not found`, {
    hint: `Install ${search.packages}, or set clientPath of this database in config.json.`,
  });
}

/**
 * A program that is no client of a database, of the package of its name.
 *
 * @throws PREREQUISITE_MISSING there is none
 */
export function findProgram(name: string): string {
  const found = firstIn(searchPath(), [name]);
  if (found !== null) return found;
  throw new HoldfastError('PREREQUISITE_MISSING', `${name} not found`, { hint: `Install ${name}.` });
}

const searchPath = (): string[] => (process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin').split(delimiter);

/** A second client of the same package: beside the first, else as `findClient` finds it. */
export function findBeside(path: string, search: ClientSearch): string {
  const { clientPath: _, ...elsewhere } = search;
  return firstIn([dirname(path)], search.names) ?? findClient({ ...elsewhere, clientPath: undefined });
}

/** PostgreSQL's own directories, newest version first: a newer pg_dump reads older servers. */
export function postgresqlDirectories(): string[] {
  const debian = children('/usr/lib/postgresql').map((version) =>
    join('/usr/lib/postgresql', version, 'bin'),
  );
  const redHat = children('/usr')
    .filter((name) => name.startsWith('pgsql-'))
    .map((name) => join('/usr', name, 'bin'));
  return [...debian, ...redHat].sort((a, b) => versionIn(b) - versionIn(a));
}

function versionIn(directory: string): number {
  return Number.parseInt(/\d+/.exec(basename(dirname(directory)))?.[0] ?? '0', 10);
}

function children(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function firstIn(directories: readonly string[], names: readonly string[]): string | null {
  for (const name of names) {
    for (const directory of directories) {
      const found = directory === '' ? null : runnable(join(directory, name));
      if (found !== null) return found;
    }
  }
  return null;
}

function runnable(path: string): string | null {
  try {
    accessSync(path, constants.X_OK);
    return isDirectory(path) ? null : path;
  } catch {
    return null;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
