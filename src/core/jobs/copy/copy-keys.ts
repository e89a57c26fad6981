/**
 * Copies the key objects of a server's accounts, without which nobody opens the snapshots beside them.
 *
 * Of each key pair only the highest revision: those before it may open for people who shall no longer read.
 * Goes before the snapshots, so that a copy never holds one that its own keys do not open.
 */

import { type ListedKey, listKeys, newestRevisions } from '../../encryption/owner-keys.ts';
import { isHoldfastError } from '../../errors.ts';
import { bytesOf, collect } from '../../streams.ts';
import { eachLimited } from '../each-limited.ts';
import type { CopyPath } from './copy-one.ts';

const keysAtOnce = 4;
const keyLimitBytes = 1024 * 1024;

/** @throws STORE_UNAVAILABLE, STORE_DENIED, STORE_FULL */
export async function copyKeys(path: CopyPath, server: string): Promise<void> {
  const { source, target, signal } = path;
  const wanted = newestRevisions(await listKeys(source.store, { server }, signal));
  const { putOnly } = target.store.capabilities;
  const held = putOnly ? [] : await listKeys(target.store, { server }, signal);
  const there = new Set(held.map(({ key }) => key));
  const lacking = wanted.filter(({ key }) => !there.has(key));
  await eachLimited(lacking, keysAtOnce, (one) => copyKey(path, one));
}

async function copyKey({ source, target, signal, onSent }: CopyPath, { key }: ListedKey): Promise<void> {
  try {
    const bytes = await collect(source.provider.get({ key, signal }), keyLimitBytes);
    const put = { kind: 'key', key, body: bytesOf(bytes), sizeBytes: bytes.length } as const;
    await target.provider.put({ ...put, createOnly: true, signal });
    onSent(bytes.length);
  } catch (error) {
    // It came there meanwhile, or a rotation took it away: the next run looks again.
    if (!isHoldfastError(error) || !/^OBJECT_(?:EXISTS|MISSING)$/.test(error.code)) throw error;
  }
}
