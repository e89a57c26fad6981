/**
 * Copies the key objects of a server's accounts, without which nobody opens the snapshots beside them.
 *
 * Of each key pair all revisions: which of them opens only an identity tells, and whoever can write to the main
 * store can put anything above ours. One that a rotation took out of the copy does not come back, though: it may
 * open for people who shall no longer read. Goes before the snapshots, so that a copy never holds one that its own
 * keys do not open.
 */

import { isKeyFile, keyLimitBytes, type ListedKey, listKeys, pairSlot } from '../../encryption/owner-keys.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { allUuids, type ServerIdentity } from '../../state/server-identity.ts';
import { bytesOf, collect } from '../../streams.ts';
import { underLock } from '../account-lock.ts';
import { encryptedBeside, storeEncrypted } from '../backup/encrypted-beside.ts';
import { eachLimited } from '../each-limited.ts';
import { Erasures } from '../erasures.ts';
import { removeKeys } from '../keys/remove-keys.ts';
import type { Trust } from '../trust.ts';
import type { CopyPath } from './copy-one.ts';
import type { CopyRecord } from './copy-record.ts';

const ownersAtOnce = 4;

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

export interface KeysOf {
  readonly server: string;
  readonly stateDir: string;
  /** Whose erasures count; left out: everybody's. */
  readonly trust?: Trust | undefined;
}

/**
 * The keys that a copy lacks. Each account's come under its lock, so that no erasure on this machine falls between the
 * main store and the copy; what one on another machine destroyed meanwhile is taken away again.
 */
export class LackingKeys {
  readonly #path: CopyPath;
  readonly #of: KeysOf;
  readonly #recorded: Set<string>;
  readonly #byOwner: Map<string, readonly ListedKey[]>;

  private constructor(path: CopyPath, of: KeysOf, recorded: Set<string>, wanted: readonly ListedKey[]) {
    this.#path = path;
    this.#of = of;
    this.#recorded = recorded;
    this.#byOwner = Map.groupBy(wanted, ({ owner }) => owner);
  }

  /**
   * Notes in the record of how many accounts the copy holds revisions that a rotation has replaced in the main store: whoever
   * was dropped can open those.
   *
   * @throws STORE_UNAVAILABLE, STORE_DENIED
   */
  static async find(
    path: CopyPath,
    of: KeysOf,
    record: Pick<CopyRecord, 'keys' | 'replacedKeys'>,
  ): Promise<LackingKeys> {
    const { keys: recorded } = record;
    const { source, target, signal } = path;
    const { server } = of;
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
    for (const { key } of all) if (there.has(key)) recorded.add(key);
    const wanted = all.filter((one) => !there.has(one.key) && !wasTakenOut(one));
    return new LackingKeys(path, of, recorded, wanted);
  }

  /**
   * Of all accounts but those that another job works on.
   *
   * @throws STORE_UNAVAILABLE, STORE_DENIED, STORE_FULL; COPY_FAILED a destroyed key came there and stays
   */
  async bring(): Promise<void> {
    const { stateDir } = this.#of;
    await eachLimited([...this.#byOwner.keys()], ownersAtOnce, (owner) =>
      underLock(stateDir, owner, () => this.bringOf(owner)).then(() => {}),
    );
  }

  /** As `bring`, of one account whose lock the caller holds, where they did not come yet. */
  async bringOf(owner: string): Promise<void> {
    const wanted = this.#byOwner.get(owner) ?? [];
    if (wanted.length === 0) return;
    const isDestroyed = await this.#destroyed(owner);
    const put: ListedKey[] = [];
    // The lowest first: it was there before anybody could know the name of the pair.
    for (const one of wanted.toSorted((a, b) => a.revision - b.revision)) {
      if (isDestroyed(one)) continue;
      const outcome = await copyKey(this.#path, one);
      if (outcome === 'put') put.push(one);
      if (outcome !== 'none') this.#recorded.add(one.key);
    }
    if (put.length > 0) await this.#takeBack(owner, put);
    this.#byOwner.delete(owner);
  }

  /** What an erasure in either store names: where one of them kept it, it does not come back to the other. */
  async #destroyed(owner: string): Promise<(key: ListedKey) => boolean> {
    const { source, target, signal } = this.#path;
    const { server, trust } = this.#of;
    const stores = target.store.capabilities.putOnly ? [source] : [source, target];
    const asked = stores.map((one) => new Erasures({ ...one, trust, signal }).destroyed(server, owner));
    const slots = await Promise.all(asked);
    return (key) => slots.some((destroyed) => destroyed.has(pairSlot(key)));
  }

  /** An erasure elsewhere writes its event, and removes what the main store has, before it looks into the copy. */
  async #takeBack(owner: string, put: readonly ListedKey[]): Promise<void> {
    const { source, target, signal } = this.#path;
    const { server } = this.#of;
    const left = new Set((await listKeys(source.store, { server, owner }, signal)).map(pairSlot));
    const isDestroyed = await this.#destroyed(owner);
    const gone = put.filter((one) => isDestroyed(one) || !left.has(pairSlot(one)));
    const [kept] = await removeKeys(
      target.store,
      gone.map((one) => ({ ...one, version: null })),
      signal,
    );
    for (const { key } of gone) this.#recorded.delete(key);
    if (kept === undefined) return;
    throw new HoldfastError(
      'COPY_FAILED',
      `${kept.key} came to the copy while the account was erased, and stays`,
      {
        hint: `Run \`holdfast key erase --account ${owner}\` again with credentials that may remove keys from the copy.`,
      },
    );
  }
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

/** `none` where it is no key object, which `verify` names, or where a rotation or an erasure took it away. */
async function copyKey(
  { source, target, signal, onSent }: CopyPath,
  { key, sizeBytes }: ListedKey,
): Promise<'put' | 'there' | 'none'> {
  if (sizeBytes > keyLimitBytes) return 'none';
  try {
    const bytes = await collect(source.provider.get({ key, signal }), keyLimitBytes);
    if (!isKeyFile(bytes)) return 'none';
    const put = { kind: 'key', key, body: bytesOf(bytes), sizeBytes: bytes.length } as const;
    await target.provider.put({ ...put, createOnly: true, signal });
    onSent(bytes.length);
    return 'put';
  } catch (error) {
    // It came there meanwhile, or a rotation took it away: the next run looks again.
    if (!isHoldfastError(error) || !/^OBJECT_(?:EXISTS|MISSING)$/.test(error.code)) throw error;
    return error.code === 'OBJECT_EXISTS' ? 'there' : 'none';
  }
}
