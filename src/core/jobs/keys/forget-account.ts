/**
 * Removes what the local state knows of an account's contents: cached indexes of parents and journals of runs
 * that were cut short. Both hold names and hashes, which an erasure must not leave behind.
 *
 * A server whose credentials can only put does not see that a key is gone, and would go on encrypting to it: there
 * the state is all that an erasure elsewhere has left to forget.
 */

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { forgetEpoch, readEpoch } from '../../state/owner-epochs.ts';
import { lockAccount } from '../account-lock.ts';

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

/**
 * Has the next backup of the account begin with a full and a new key, in these stores. Asks no store.
 *
 * @returns the ids of those whose key was remembered until now
 * @throws ACCOUNT_LOCKED a backup of it is under way
 */
export async function forgetAccount(
  stateDir: string,
  storeIds: readonly string[],
  owner: string,
): Promise<string[]> {
  const lock = lockAccount(stateDir, owner, owner);
  try {
    const forgotten: string[] = [];
    for (const storeId of storeIds) {
      if ((await readEpoch(stateDir, storeId, owner)) === null) continue;
      await forgetEpoch(stateDir, storeId, owner);
      forgotten.push(storeId);
    }
    await forgetContents(stateDir, owner);
    return forgotten;
  } finally {
    lock.release();
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
