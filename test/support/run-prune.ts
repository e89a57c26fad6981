/** Prune over synthetic snapshots, for the server and the addin configuration that they are of. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { s3TarProvider } from '../../src/addins/s3-tar/index.ts';
import { storeFileKey } from '../../src/core/archive/keys.ts';
import type { Store } from '../../src/core/contracts/store.ts';
import type { KeyedProvider } from '../../src/core/encryption/keyed-provider.ts';
import type { EventWorld } from '../../src/core/jobs/events.ts';
import { prune } from '../../src/core/jobs/prune/prune.ts';
import type { PruneReport, PruneRequest } from '../../src/core/jobs/prune/types.ts';
import { addin, put, server, signal, storeId } from './synthetic-snapshots.ts';

export const hour = 3_600_000;
export const day = 24 * hour;
export const start = Date.UTC(2026, 10, 21, 3, 15);

/** Ids count from one, so that they differ where they are cut to the twelve digits of an event. */
export function worldOf(now: () => number): EventWorld {
  let ids = 0;
  return { now, newObjectId: () => String(++ids).padStart(12, '0').padEnd(32, '0') };
}

/** One for all tests of the file that calls, removed after them. */
export function newStateDir(): string {
  const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-prune-'));
  afterAll(() => rmSync(stateDir, { recursive: true }));
  return stateDir;
}

export const openProvider = (store: Store): Promise<KeyedProvider> =>
  s3TarProvider.open({ store, settings: { use: 's3-tar' } });

/** With another id than that of the snapshots it is a copy of their store. */
export const putStoreFile = (store: Store, id = storeId): Promise<void> =>
  put(store, storeFileKey, JSON.stringify({ format: 1, store: id, features: [], createdAt: '' }));

/** Removes, of all accounts, where nothing else is asked. */
export async function runPrune(
  asked: Pick<PruneRequest, 'store' | 'retention' | 'stateDir' | 'world'> & Partial<PruneRequest>,
): Promise<PruneReport> {
  const provider = await openProvider(asked.store);
  return prune({ provider, server, addin, owners: null, apply: true, signal, onEvent: () => {}, ...asked });
}
