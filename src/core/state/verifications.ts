/**
 * How the last verification of each addin ended, so that a list of addins can show it.
 *
 * One small file for each store or provider, `verifications/<kind>-<name>.json`; a damaged one counts as none. It is
 * a record of what was seen then: a newer version of the addin has not been verified by it.
 */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';
import { ensurePrivateDirectory } from './state-files.ts';
import { isVerification } from './state-schemas.ts';

export interface Verification {
  readonly kind: 'store' | 'provider';
  /** What `use` says. */
  readonly name: string;
  readonly version: string;
  readonly contract: number;
  /** Addin configuration with which it was tried. */
  readonly configuration: string;
  /** Milliseconds since the Unix epoch. */
  readonly endedAtMs: number;
  readonly sound: boolean;
  readonly checks: number;
  readonly failed: number;
  /** Version of Holdfast whose checks they were. */
  readonly holdfast: string;
}

/** @throws CONFIG_INVALID others than its owner can write into the state directory; else a system error */
export async function rememberVerification(stateDir: string, verification: Verification): Promise<void> {
  const directory = join(stateDir, 'verifications');
  await ensurePrivateDirectory(stateDir);
  await ensurePrivateDirectory(directory);
  const { kind, name } = verification;
  await writeJsonFile(join(directory, `${kind}-${encodeURIComponent(name)}.json`), verification);
}

/** The last one of each addin; none where nothing was verified here. @throws a system error */
export async function readVerifications(stateDir: string): Promise<readonly Verification[]> {
  const directory = join(stateDir, 'verifications');
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const read = await Promise.all(
    names
      .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
      .map((name) => readJsonFile(join(directory, name))),
  );
  return read.flatMap((one) => ('value' in one && isVerification(one.value) ? [one.value] : []));
}
