/**
 * The directory of the local state: private to its owner, its files whole or set aside.
 */

import { lstat, mkdir, rename } from 'node:fs/promises';
import { HoldfastError } from '../errors.ts';
import { printable } from '../printable.ts';
import { readJsonFile } from './atomic-file.ts';

/**
 * Makes the directory where there is none, 0700; one that is there is left as it is.
 *
 * @throws CONFIG_INVALID others than its owner can write into it
 */
export async function ensurePrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (await isPrivateDirectory(path)) return;
  throw new HoldfastError('CONFIG_INVALID', `others can write into the state directory ${printable(path)}`, {
    hint: 'Let root own it with mode 0700, or set "stateDir" in config.json to another directory.',
  });
}

/** Whether it is there, and nobody else can write into it. */
export async function isPrivateDirectory(path: string): Promise<boolean> {
  const stat = await lstat(path).catch(() => null);
  const ours = stat !== null && (stat.uid === 0 || stat.uid === process.getuid?.());
  return ours && stat.isDirectory() && (stat.mode & 0o022) === 0;
}

/** Null where there is no such file, or a damaged one: that is renamed, and `notes` says so. */
export async function readOrSetAside<T>(
  path: string,
  parse: (value: unknown) => T | null,
  nowMs: number,
  notes: string[],
): Promise<T | null> {
  const read = await readJsonFile(path);
  if ('missing' in read) return null;
  const parsed = 'value' in read ? parse(read.value) : null;
  if (parsed !== null) return parsed;
  const aside = `${path}.broken-${nowMs}`;
  await rename(path, aside);
  notes.push(`${printable(path)} was damaged and is now ${printable(aside)}`);
  return null;
}
