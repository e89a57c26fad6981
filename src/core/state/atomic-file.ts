/**
 * Small JSON files that are always whole: written beside, synced, then put in place.
 */

import { constants, readFileSync } from 'node:fs';
import { link, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

let written = 0;

export type ReadJson = { readonly value: unknown } | { readonly missing: true } | { readonly broken: true };

/**
 * At once: Node's threads would take many times as long for a small file.
 *
 * @throws a system error where there is one that cannot be read
 */
export async function readJsonFile(path: string): Promise<ReadJson> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { missing: true };
    throw error;
  }
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return { broken: true };
  }
}

/**
 * Puts the value under `path`, mode 0600. After a failure or a loss of power the file is what it was
 * before, or new and whole.
 *
 * @param options.durable false for what is only a cache: after a loss of power the file may then be cut short or
 *   empty as well, which its reader must notice
 * @param options.amongOthers true where somebody else may write to the directory: whatever they have put where it is
 *   written beside is not opened
 * @returns false where `createOnly` and there is such a file already; it is left as it is
 */
export async function writeJsonFile(
  path: string,
  value: unknown,
  options: { readonly createOnly?: boolean; readonly durable?: boolean; readonly amongOthers?: boolean } = {},
): Promise<boolean> {
  written += 1;
  const { createOnly = false, durable = true, amongOthers = false } = options;
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.${process.pid}-${written}.tmp`);
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;
  let isMoved = false;
  try {
    // Truncating, since a process of this number may have died here before.
    const anew = amongOthers ? O_EXCL : O_TRUNC;
    const file = await open(temporary, O_WRONLY | O_CREAT | anew | O_NOFOLLOW, 0o600);
    try {
      await file.writeFile(`${JSON.stringify(value, null, 2)}\n`);
      if (durable) await file.sync();
    } finally {
      await file.close();
    }
    if (createOnly && !(await linked(temporary, path))) return false;
    if (!createOnly) {
      await rename(temporary, path);
      isMoved = true;
    }
    if (durable) await syncDirectory(directory);
    return true;
  } finally {
    if (!isMoved) await unlink(temporary).catch(() => {});
  }
}

async function linked(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
