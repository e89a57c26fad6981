/**
 * Removes what the local state knows of an account's contents: cached indexes of parents and journals of runs
 * that were cut short. Both hold names and hashes, which an erasure must not leave behind.
 */

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Under the account's lock. Safe to repeat. */
export async function forgetContents(stateDir: string, owner: string): Promise<void> {
  for (const kind of ['parents', 'journals']) {
    for (const addin of await names(join(stateDir, kind))) {
      const directory = join(stateDir, kind, addin);
      const about = (await names(directory)).filter((name) => name === owner || name.startsWith(`${owner}-`));
      for (const name of about) await rm(join(directory, name), { recursive: true, force: true });
    }
  }
}

async function names(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
