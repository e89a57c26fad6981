/**
 * What administrators set by scopes: `scopes.json` beside the configuration, and `scopes.history.jsonl`, who
 * set what when.
 *
 * The file is replaced whole, one writer at a time. It names the last change too, so that a process killed
 * before the line of the history is made up for by the next one.
 */

import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ScopeValue } from '../contracts/scope.ts';
import { HoldfastError } from '../errors.ts';
import { awaitFileLock } from '../filesystem/file-lock.ts';
import { printable } from '../printable.ts';
import { readJsonFile, writeJsonFile } from '../state/atomic-file.ts';

export interface ScopeChange {
  readonly name: string;
  readonly from: ScopeValue;
  readonly to: ScopeValue;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** As the caller calls himself. */
  readonly by: string;
}

export interface ScopeFile {
  readonly version: 1;
  /** By name; what is not here is as the configuration says. */
  readonly values: Readonly<Record<string, ScopeValue>>;
  readonly last: ScopeChange | null;
}

export const scopeFilePath = (configDir: string): string => join(configDir, 'scopes.json');
const scopeHistoryPath = (configDir: string): string => join(configDir, 'scopes.history.jsonl');

const nothingSet: ScopeFile = { version: 1, values: {}, last: null };
const patience = { tries: 100, everyMs: 50 };

/** @throws CONFIG_INVALID the file is damaged or of a later version */
export async function readScopeFile(configDir: string): Promise<ScopeFile> {
  const path = scopeFilePath(configDir);
  const read = await readJsonFile(path);
  if ('missing' in read) return nothingSet;
  const file = 'value' in read ? read.value : null;
  if (isScopeFile(file)) return file;
  throw new HoldfastError('CONFIG_INVALID', `${printable(path, 4096)} is damaged or of a later version`, {
    hint: 'Bring it back, or move it away to have every scope as the configuration says.',
  });
}

function isScopeFile(value: unknown): value is ScopeFile {
  const file = value as Partial<ScopeFile> | null;
  const { version, values } = file ?? {};
  return version === 1 && typeof values === 'object' && values !== null && !Array.isArray(values);
}

/**
 * Runs `change` while nobody else sets a scope.
 *
 * @throws CONFIG_LOCKED somebody holds the lock for five seconds; PREREQUISITE_MISSING it cannot be made
 */
export async function withScopeLock<T>(configDir: string, change: () => Promise<T>): Promise<T> {
  const path = join(configDir, 'scopes.lock');
  const refusal = (why: string): HoldfastError =>
    new HoldfastError('PREREQUISITE_MISSING', `cannot make ${printable(path, 4096)}: ${why}`, {
      hint: 'Let Holdfast write into the configuration directory.',
    });
  const lock = await awaitFileLock({ path, refusal }, patience);
  if (lock === null) {
    throw new HoldfastError('CONFIG_LOCKED', 'another process is setting a scope', {
      hint: 'Try again in a moment.',
    });
  }
  try {
    return await change();
  } finally {
    lock.release();
  }
}

/** Under the lock. `null` takes the value away. The change before it is in the history when it resolves. */
export async function writeScopeValue(configDir: string, change: ScopeChange): Promise<void> {
  const { values, last } = await readScopeFile(configDir);
  // Its writer may have been killed before the line, and this change takes its place in the file.
  if (last !== null) await addLines(configDir, [last]);
  const { [change.name]: _, ...others } = values;
  const after = change.to === null ? others : { ...others, [change.name]: change.to };
  await writeJsonFile(scopeFilePath(configDir), { version: 1, values: after, last: change });
}

/** Under the lock. Adds a line; before it the one that a killed process still owes. */
export async function noteChange(configDir: string, change: ScopeChange): Promise<void> {
  const { last } = await readScopeFile(configDir);
  await addLines(configDir, last === null ? [change] : [last, change]);
}

/** Those that are not there yet. */
async function addLines(configDir: string, changes: readonly ScopeChange[]): Promise<void> {
  const known = await readScopeHistory(configDir);
  const added: ScopeChange[] = [];
  for (const change of changes) {
    if (![...known, ...added].some((one) => isDeepStrictEqual(one, change))) added.push(change);
  }
  if (added.length === 0) return;
  const lines = added.map((one) => `${JSON.stringify(one)}\n`);
  const file = await open(scopeHistoryPath(configDir), 'a+', 0o600);
  try {
    // A line that was cut short must not swallow the next one.
    const { size } = await file.stat();
    const end = size === 0 ? Buffer.from('\n') : (await file.read(Buffer.alloc(1), 0, 1, size - 1)).buffer;
    await file.writeFile(`${end.toString() === '\n' ? '' : '\n'}${lines.join('')}`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Oldest first. A line that a crash cut short is left out. */
export async function readScopeHistory(configDir: string): Promise<ScopeChange[]> {
  let text: string;
  try {
    text = await readFile(scopeHistoryPath(configDir), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as ScopeChange];
    } catch {
      return [];
    }
  });
}
