/**
 * What a copy has, or was sent, of each account: told from its keys, and read only where a key alone might be somebody
 * else's, who can put garbage under the name of a later revision.
 */

import { type ManifestName, parseManifestKey } from '../../archive/keys.ts';
import { isUnusable, type ListedSnapshot, listSnapshots, readAnySnapshot } from '../catalog.ts';
import { standingOf } from '../trust.ts';
import type { PlanRequest } from './plan.ts';

type HoldingRequest = Pick<PlanRequest, 'target' | 'server' | 'record' | 'trust' | 'signal'>;

interface OfOwner {
  readonly snapshots: readonly ListedSnapshot[];
  readonly keys: ReadonlySet<string>;
}

export class Holding {
  readonly #request: HoldingRequest;
  readonly #owners: ReadonlyMap<string, OfOwner>;

  private constructor(request: HoldingRequest, snapshots: readonly ListedSnapshot[]) {
    this.#request = request;
    const owners = [...Map.groupBy(snapshots, ({ owner }) => owner)];
    this.#owners = new Map(
      owners.map(([owner, ofOwner]) => {
        const keys = ofOwner.flatMap(({ key, earlier = [] }) => [key, ...earlier.map((one) => one.key)]);
        return [owner, { snapshots: ofOwner, keys: new Set(keys) }];
      }),
    );
  }

  /**
   * @param owners null for all; a put-only copy is not asked
   * @throws STORE_UNAVAILABLE, STORE_DENIED
   */
  static async of(request: HoldingRequest, owners: ReadonlySet<string> | null = null): Promise<Holding> {
    const { target, server, record, signal } = request;
    const { store } = target;
    if (store.capabilities.putOnly) {
      const sent = [...record.sent].flatMap((key): ListedSnapshot[] => {
        const name = parseManifestKey(key);
        return name === null ? [] : [{ ...name, key }];
      });
      return new Holding(request, sent);
    }
    if (owners === null) return new Holding(request, await listSnapshots(store, { server }, signal));
    const snapshots: ListedSnapshot[] = [];
    for (const owner of owners) snapshots.push(...(await listSnapshots(store, { server, owner }, signal)));
    return new Holding(request, snapshots);
  }

  of(owner: string): readonly ListedSnapshot[] {
    return this.#owners.get(owner)?.snapshots ?? [];
  }

  lists({ owner, key }: Pick<ListedSnapshot, 'owner' | 'key'>): boolean {
    return this.#owners.get(owner)?.keys.has(key) ?? false;
  }

  /** Whether a revision of this snapshot from that number on is there that is whole and trusted. */
  async has({ owner, id }: Pick<ManifestName, 'owner' | 'id'>, from: number): Promise<boolean> {
    const revisions = this.of(owner).flatMap((one) => (one.id === id ? [one, ...(one.earlier ?? [])] : []));
    for (const one of revisions) if (one.revision >= from && (await this.#isSound(one))) return true;
    return false;
  }

  async #isSound(listed: ListedSnapshot): Promise<boolean> {
    const { target, trust, signal } = this.#request;
    if (target.store.capabilities.putOnly) return true;
    try {
      const snapshot = await readAnySnapshot(target.provider, listed, signal, trust);
      return trust === undefined || standingOf(snapshot, trust) === 'trusted';
    } catch (error) {
      if (!isUnusable(error)) throw error;
      return false;
    }
  }
}
