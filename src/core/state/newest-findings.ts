/**
 * What looked wrong about the newest snapshot of each account, in one file for each addin configuration, so that
 * `status` opens one instead of thousands.
 *
 * Written when a run ends. An account whose newest snapshot it does not have is looked up elsewhere: after a run that was
 * killed, or a lost file, that takes longer and nothing else.
 */

import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';

export interface NewestFindings {
  /** Twelve hex digits of the snapshot. */
  readonly id: string;
  readonly findings: readonly { readonly code: string; readonly message: string }[];
}

const fileOf = (stateDir: string, addinId: string): string => join(stateDir, 'newest', `${addinId}.json`);

/** By the account's UUID; empty where there is no file, or none that can be understood. */
export async function readNewestFindings(
  stateDir: string,
  addinId: string,
): Promise<ReadonlyMap<string, NewestFindings>> {
  const read = await readJsonFile(fileOf(stateDir, addinId));
  const owners = 'value' in read ? (read.value as { owners?: unknown } | null)?.owners : null;
  if (typeof owners !== 'object' || owners === null) return new Map();
  return new Map(Object.entries(owners).filter((one): one is [string, NewestFindings] => isNewest(one[1])));
}

/** Adds to what is there. Safe to repeat. */
export async function rememberNewestFindings(
  stateDir: string,
  addinId: string,
  newest: ReadonlyMap<string, NewestFindings>,
): Promise<void> {
  if (newest.size === 0) return;
  const merged = new Map([...(await readNewestFindings(stateDir, addinId)), ...newest]);
  const path = fileOf(stateDir, addinId);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeJsonFile(path, { version: 1, owners: Object.fromEntries(merged) });
}

function isNewest(value: unknown): value is NewestFindings {
  const { id, findings } = (value ?? {}) as Partial<NewestFindings>;
  const texts = (one: { code?: unknown; message?: unknown } | null): boolean =>
    typeof one?.code === 'string' && typeof one.message === 'string';
  return typeof id === 'string' && Array.isArray(findings) && findings.every(texts);
}
