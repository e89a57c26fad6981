/**
 * Copies the key objects of a server's accounts, without which nobody opens the snapshots beside them.
 *
 * Of each key pair all revisions: which of them opens only an identity tells, and whoever can write to the main
 * store can put anything above ours. One that a rotation took out of the copy does not come back, though: it may
 * open for people who shall no longer read. Goes before the snapshots, so that a copy never holds one that its own
 * keys do not open.
 */

import { isKeyFile, keyLimitBytes, type ListedKey, listKeys, pairSlot } from '../../encryption/owner-keys.ts';
import { isHoldfastError } from '../../errors.ts';
import { allUuids, type ServerIdentity } from '../../state/server-identity.ts';
import { bytesOf, collect } from '../../streams.ts';
import { encryptedBeside, storeEncrypted } from '../backup/encrypted-beside.ts';
import { eachLimited } from '../each-limited.ts';
import type { CopyPath } from './copy-one.ts';
import type { CopyRecord } from './copy-record.ts';

const pairsAtOnce = 4;

/**
 * Before the first plain snapshot goes to a copy. Asks before keys of the main store come there: of those its own backups have been asked.
 *
 * @throws STORE_ENCRYPTED the copy holds keys of this server, or of others and nothing of this one; a put-only one: was sent some
 */
export async function checkPlain(
  { target, signal }: Pick<CopyPath, 'target' | 'signal'>,
  { server, addin }: { readonly server: ServerIdentity; readonly addin: string },
  { keys }: Pick<CopyRecord, 'keys'>,
): Promise<void> {
  const { putOnly } = target.store.capabilities;
  const sent = keys.size > 0 ? 'own' : 'none';
  const beside = putOnly ? sent : await encryptedBeside(target.store, allUuids(server), signal);
  if (beside !== 'none') throw storeEncrypted('it', addin, beside);
}

/**
 * Notes in the record of how many accounts the copy holds revisions that a rotation has replaced in the main store: whoever
 * was dropped can open those.
 *
 * @throws STORE_UNAVAILABLE, STORE_DENIED, STORE_FULL
 */
export async function copyKeys(
  path: CopyPath,
  server: string,
  record: Pick<CopyRecord, 'keys' | 'replacedKeys'>,
): Promise<void> {
  const { keys: recorded } = record;
  const { source, target, signal } = path;
  const all = await listKeys(source.store, { server }, signal);
  const { putOnly } = target.store.capabilities;
  const held = putOnly ? [] : await listKeys(target.store, { server }, signal);
  const there = new Set(held.map(({ key }) => key));
  const highest = new Map<string, number>();
  for (const one of held) {
    highest.set(pairSlot(one), Math.max(one.revision, highest.get(pairSlot(one)) ?? 0));
  }
  const named = new Set(all.map(({ key }) => key));
  record.replacedKeys = accountsWithReplaced(all, held, named);
  for (const key of recorded) if (!named.has(key)) recorded.delete(key);
  const wasTakenOut = (one: ListedKey): boolean =>
    recorded.has(one.key) && (highest.get(pairSlot(one)) ?? -1) > one.revision;
  const wanted = all.filter((one) => !there.has(one.key) && !wasTakenOut(one));
  for (const { key } of all) if (there.has(key)) recorded.add(key);
  await eachLimited([...Map.groupBy(wanted, pairSlot).values()], pairsAtOnce, async (ofPair) => {
    // The lowest first: it was there before anybody could know the name of the pair.
    for (const one of ofPair.toSorted((a, b) => a.revision - b.revision)) {
      if (await copyKey(path, one)) recorded.add(one.key);
    }
  });
}

function accountsWithReplaced(
  all: readonly ListedKey[],
  held: readonly ListedKey[],
  named: ReadonlySet<string>,
): number {
  const newest = new Map<string, number>();
  for (const one of all) newest.set(pairSlot(one), Math.max(one.revision, newest.get(pairSlot(one)) ?? 0));
  const replaced = held.filter(
    (one) => !named.has(one.key) && one.revision < (newest.get(pairSlot(one)) ?? -1),
  );
  return new Set(replaced.map(({ owner }) => owner)).size;
}

/** False where it is no key object, which `verify` names, or where a rotation took it away. */
async function copyKey(
  { source, target, signal, onSent }: CopyPath,
  { key, sizeBytes }: ListedKey,
): Promise<boolean> {
  if (sizeBytes > keyLimitBytes) return false;
  try {
    const bytes = await collect(source.provider.get({ key, signal }), keyLimitBytes);
    if (!isKeyFile(bytes)) return false;
    const put = { kind: 'key', key, body: bytesOf(bytes), sizeBytes: bytes.length } as const;
    await target.provider.put({ ...put, createOnly: true, signal });
    onSent(bytes.length);
    return true;
  } catch (error) {
    // It came there meanwhile, or a rotation took it away: the next run looks again.
    if (!isHoldfastError(error) || !/^OBJECT_(?:EXISTS|MISSING)$/.test(error.code)) throw error;
    return error.code === 'OBJECT_EXISTS';
  }
}
