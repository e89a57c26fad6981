/**
 * Which snapshots nobody can read any more because the account was erased: an erasure that counts names them, and
 * their key is gone.
 *
 * Both are asked for. An event alone may have been written by whoever took a server over, and a key that is gone without
 * one is a loss. While the store does not say whether a version is left of a key, it is not gone.
 */

import { parseOwnerKeyKey } from '../archive/keys.ts';
import type { ManifestHeader } from '../archive/manifest.ts';
import { pairSlot } from '../encryption/owner-keys.ts';
import {
  type AccountProtections,
  type ErasureEvent,
  type EventsPlace,
  protectionOf,
  readProtections,
} from './events.ts';
import { keysLeft } from './keys/keys-left.ts';
import { trustsNobody } from './trust.ts';

interface AboutOwner extends AccountProtections {
  /** Of a key pair, as `pairSlot`. */
  readonly isLeft: (slot: string) => boolean;
}

/** Asks the store once for each account, and only about those that it is asked about. */
export class Erasures {
  readonly #place: EventsPlace & { readonly signal: AbortSignal };
  readonly #known = new Map<string, Promise<AboutOwner>>();

  /** Where `trust` has nobody in it, everybody's count. */
  constructor({ store, provider, trust, signal }: EventsPlace & { readonly signal: AbortSignal }) {
    const whose = trust === undefined || trustsNobody(trust) ? {} : { trust };
    this.#place = { store, provider, signal, ...whose };
  }

  /**
   * The erasure that closed it; null for any other, and for one that was never encrypted: it can be read until prune.
   *
   * @throws STORE_UNAVAILABLE, STORE_DENIED
   */
  async of({
    server,
    owner,
    id,
    encryption,
  }: Pick<ManifestHeader, 'server' | 'owner' | 'id' | 'encryption'>): Promise<ErasureEvent | null> {
    if (encryption === undefined) return null;
    const { erasures, isLeft } = await this.#about(server, owner);
    const erased = erasures.find(({ snapshots }) => snapshots.some((one) => one.id === id));
    return erased === undefined || isLeft(pairSlot({ server, owner, ...encryption })) ? null : erased;
  }

  /**
   * Whether prune takes it away as erased, so that nobody should bring it anywhere: one that an erasure closed, or names and
   * that was never encrypted. A hold keeps either.
   */
  async letsGo(
    header: Pick<ManifestHeader, 'server' | 'owner' | 'id' | 'encryption'>,
    nowMs: number,
  ): Promise<boolean> {
    const { server, owner, id, encryption } = header;
    const { holds, erasure } = protectionOf(await this.#about(server, owner), id, nowMs);
    if (holds.length > 0 || erasure === null) return false;
    return encryption === undefined || (await this.of(header)) !== null;
  }

  /**
   * The same by name alone: ids that erasures name of which every key is gone; also of snapshots that were never encrypted,
   * which prune removes.
   */
  async ids(server: string, owner: string): Promise<ReadonlySet<string>> {
    const { erasures, isLeft } = await this.#about(server, owner);
    const isThere = (key: string): boolean => {
      const name = parseOwnerKeyKey(key);
      return name === null || isLeft(pairSlot(name));
    };
    const done = erasures.filter((one) => Array.isArray(one.keys) && !one.keys.some(isThere));
    return new Set(done.flatMap(({ snapshots }) => snapshots.map(({ id }) => id)));
  }

  /** Ids that erasures name, whatever became of the keys: no manifest of theirs may ever come back. */
  async named(server: string, owner: string): Promise<ReadonlySet<string>> {
    const { erasures } = await this.#about(server, owner);
    return new Set(erasures.flatMap(({ snapshots }) => snapshots.map(({ id }) => id)));
  }

  /** Key pairs that were to be destroyed, as `pairSlot`: no key object of theirs may ever come back. */
  async destroyed(server: string, owner: string): Promise<ReadonlySet<string>> {
    const { erasures } = await this.#about(server, owner);
    const keys = erasures.flatMap((one) => (Array.isArray(one.keys) ? one.keys : []));
    const names = keys.map(parseOwnerKeyKey).filter((name) => name !== null);
    return new Set(names.map(pairSlot));
  }

  /** Keys of erasures that cannot be read or are not trusted: while there is one, nothing of the account may come back. */
  async doubtful(server: string, owner: string): Promise<readonly string[]> {
    return (await this.#about(server, owner)).doubtful;
  }

  #about(server: string, owner: string): Promise<AboutOwner> {
    const place = `${server}/${owner}`;
    const known = this.#known.get(place);
    if (known !== undefined) return known;
    const asked = this.#ask({ server, owner });
    this.#known.set(place, asked);
    return asked;
  }

  async #ask(place: { readonly server: string; readonly owner: string }): Promise<AboutOwner> {
    const { store, signal } = this.#place;
    const protections = await readProtections(this.#place, place, signal);
    const none = protections.erasures.length === 0;
    const isLeft = none ? () => false : await keysLeft(store, place, signal);
    return { ...protections, isLeft };
  }
}
