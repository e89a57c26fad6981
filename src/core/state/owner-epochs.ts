/**
 * Which key epoch the backups of each account use: the public half of its pair, per store.
 *
 * Where a file is lost a new epoch begins. The public half is never taken from the store: whoever can write
 * there could name a key of his own, and new backups would be his to read.
 */

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { highestEpoch } from '../archive/keys.ts';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';

export interface RememberedEpoch {
  readonly epoch: number;
  /** 32 bytes. */
  readonly publicKey: Buffer;
  /** For whom its private half was encrypted last, `age1…`, sorted. */
  readonly recipients: readonly string[];
  /** For whom it was encrypted first, sorted: revision 0, also where a copy has it still. Left out: not known. */
  readonly madeFor?: readonly string[];
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
  const { epoch, publicKey, recipients, madeFor } = await readFields(stateDir, storeId, owner);
  if (!isEpoch(epoch) || typeof publicKey !== 'string' || !/^[0-9a-f]{64}$/.test(publicKey)) return null;
  const first = Array.isArray(madeFor) ? { madeFor: textsOf(madeFor) } : {};
  return { epoch, publicKey: Buffer.from(publicKey, 'hex'), recipients: textsOf(recipients), ...first };
}

const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];

/** Number of the last epoch, also of one that was forgotten; 0 where none is known. */
export async function lastEpoch(stateDir: string, storeId: string, owner: string): Promise<number> {
  const { epoch } = await readFields(stateDir, storeId, owner);
  return isEpoch(epoch) ? epoch : 0;
}

const isEpoch = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) <= highestEpoch;

async function readFields(
  stateDir: string,
  storeId: string,
  owner: string,
): Promise<Partial<Record<string, unknown>>> {
  const read = await readJsonFile(fileOf(stateDir, storeId, owner));
  return ('value' in read ? (read.value as Partial<Record<string, unknown>> | null) : null) ?? {};
}

/** Call it when the key object of the epoch is durable, never before. */
export async function rememberEpoch(
  stateDir: string,
  storeId: string,
  owner: string,
  { epoch, publicKey, recipients, madeFor }: RememberedEpoch,
): Promise<void> {
  await mkdir(directoryOf(stateDir, storeId), { recursive: true, mode: 0o700 });
  const first = madeFor === undefined ? {} : { madeFor: [...madeFor].sort() };
  const value = { epoch, publicKey: publicKey.toString('hex'), recipients: [...recipients].sort(), ...first };
  await writeJsonFile(fileOf(stateDir, storeId, owner), value);
}

/** Whether any account has an encrypted backup in this store, as far as this server knows. */
export async function hasEpochs(stateDir: string, storeId: string): Promise<boolean> {
  const names = await readdir(directoryOf(stateDir, storeId)).catch(() => []);
  return names.some((name) => name.endsWith('.json') && !name.startsWith('.'));
}

/** UUIDs of the accounts whose epoch is known, or was before it was forgotten. */
export async function ownersWithEpoch(stateDir: string, storeId: string): Promise<string[]> {
  const names = await readdir(directoryOf(stateDir, storeId)).catch(() => []);
  return names.filter((name) => /^[0-9a-f-]{36}\.json$/.test(name)).map((name) => name.slice(0, 36));
}

/** For whom the present key of each account was encrypted last, as far as this server knows. */
export async function recipientsInForce(stateDir: string, storeId: string): Promise<(readonly string[])[]> {
  const owners = await ownersWithEpoch(stateDir, storeId);
  const known = await Promise.all(owners.map((owner) => readEpoch(stateDir, storeId, owner)));
  return known.flatMap((one) => (one === null ? [] : [one.recipients]));
}

/** The next backup of the account begins a new epoch. Its number stays, so that it is not used again. */
export async function forgetEpoch(stateDir: string, storeId: string, owner: string): Promise<void> {
  const epoch = await lastEpoch(stateDir, storeId, owner);
  if (epoch === 0) await rm(fileOf(stateDir, storeId, owner), { force: true });
  else await writeJsonFile(fileOf(stateDir, storeId, owner), { epoch, publicKey: null, recipients: [] });
}
