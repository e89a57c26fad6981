/**
 * Which key epoch the backups of each account use: the public half of its pair, per store.
 *
 * Where a file is lost a new epoch begins. The public half is never taken from the store: whoever can write
 * there could name a key of his own, and new backups would be his to read.
 */

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';

export interface RememberedEpoch {
  readonly epoch: number;
  /** 32 bytes. */
  readonly publicKey: Buffer;
  /** For whom its private half was encrypted last, `age1…`, sorted. */
  readonly recipients: readonly string[];
}

const directoryOf = (stateDir: string, storeId: string): string => join(stateDir, 'owner-keys', storeId);
const fileOf = (stateDir: string, storeId: string, owner: string): string =>
  join(directoryOf(stateDir, storeId), `${owner}.json`);

/** Null where nothing is remembered, or what is there cannot be understood. */
export async function readEpoch(
  stateDir: string,
  storeId: string,
  owner: string,
): Promise<RememberedEpoch | null> {
  const read = await readJsonFile(fileOf(stateDir, storeId, owner));
  const file = ('value' in read ? read.value : null) as Partial<Record<string, unknown>> | null;
  const { epoch, publicKey, recipients } = file ?? {};
  if (!Number.isSafeInteger(epoch) || typeof publicKey !== 'string' || !/^[0-9a-f]{64}$/.test(publicKey))
    return null;
  const known = Array.isArray(recipients) ? recipients.filter((one) => typeof one === 'string') : [];
  return { epoch: epoch as number, publicKey: Buffer.from(publicKey, 'hex'), recipients: known };
}

/** Call it when the key object of the epoch is durable, never before. */
export async function rememberEpoch(
  stateDir: string,
  storeId: string,
  owner: string,
  { epoch, publicKey, recipients }: RememberedEpoch,
): Promise<void> {
  await mkdir(directoryOf(stateDir, storeId), { recursive: true, mode: 0o700 });
  const value = { epoch, publicKey: publicKey.toString('hex'), recipients: [...recipients].sort() };
  await writeJsonFile(fileOf(stateDir, storeId, owner), value);
}

/** Whether any account has an encrypted backup in this store, as far as this server knows. */
export async function hasEpochs(stateDir: string, storeId: string): Promise<boolean> {
  const names = await readdir(directoryOf(stateDir, storeId)).catch(() => []);
  return names.some((name) => name.endsWith('.json') && !name.startsWith('.'));
}

/** For whom the present key of each account was encrypted last, as far as this server knows. */
export async function recipientsInForce(stateDir: string, storeId: string): Promise<(readonly string[])[]> {
  const names = await readdir(directoryOf(stateDir, storeId)).catch(() => []);
  const owners = names.filter((name) => /^[0-9a-f-]{36}\.json$/.test(name)).map((name) => name.slice(0, 36));
  const known = await Promise.all(owners.map((owner) => readEpoch(stateDir, storeId, owner)));
  return known.flatMap((one) => (one === null ? [] : [one.recipients]));
}

/** The next backup of the account begins a new epoch. */
export async function forgetEpoch(stateDir: string, storeId: string, owner: string): Promise<void> {
  await rm(fileOf(stateDir, storeId, owner), { force: true });
}
