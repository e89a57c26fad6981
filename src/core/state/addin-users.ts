/**
 * Which number each addin of a package runs as: given once and remembered, since directories belong to it.
 *
 * One file for each number, made and never changed, so that two commands at once give no number twice. A number
 * is not given to another addin later.
 */

import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../errors.ts';
import { isPackageNumber, packageNumbers } from '../isolation/addin-user.ts';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';
import { ensurePrivateDirectory } from './state-files.ts';

const folder = 'addin-users';

/**
 * The number of an addin, `store webdav`; a new one where it has none.
 *
 * @throws CONFIG_INVALID others than its owner can write into the state directory
 */
export async function addinNumber(stateDir: string, addin: string): Promise<number> {
  const known = await knownAddinNumber(stateDir, addin);
  if (known !== null) return known;
  await ensurePrivateDirectory(stateDir);
  await mkdir(join(stateDir, folder), { recursive: true, mode: 0o700 });
  for (const number of packageNumbers()) {
    if (!(await writeJsonFile(fileOf(stateDir, number), { addin }, { createOnly: true }))) continue;
    // Another command may have given it one at the same time: the lowest counts for both.
    return (await knownAddinNumber(stateDir, addin)) ?? number;
  }
  throw new HoldfastError('PREREQUISITE_MISSING', `there is no number left for the user of the ${addin}`, {
    hint: `Remove the files of addins that are gone from ${join(stateDir, folder)}.`,
  });
}

/** Null where it was never opened. */
export async function knownAddinNumber(stateDir: string, addin: string): Promise<number | null> {
  const names = await readdir(join(stateDir, folder)).catch(() => []);
  const numbers = names
    .map((name) => Number(/^(\d+)\.json$/.exec(name)?.[1]))
    .filter(isPackageNumber)
    .sort((a, b) => a - b);
  for (const number of numbers) {
    const read = await readJsonFile(fileOf(stateDir, number));
    const owner = 'value' in read ? (read.value as { readonly addin?: unknown } | null)?.addin : undefined;
    if (owner === addin) return number;
  }
  return null;
}

const fileOf = (stateDir: string, number: number): string => join(stateDir, folder, `${number}.json`);
