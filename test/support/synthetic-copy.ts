/** A main store and a copy in memory, of synthetic snapshots; copied and pruned as the commands do. */

import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { s3TarProvider } from '../../src/addins/s3-tar/index.ts';
import type { Retention } from '../../src/core/config/addin-schema.ts';
import { memoryStore } from '../../src/core/conformance/memory-store.ts';
import type { Store } from '../../src/core/contracts/store.ts';
import { listSnapshots, readSnapshot } from '../../src/core/jobs/catalog.ts';
import type { CopyReport } from '../../src/core/jobs/copy/report.ts';
import type { CopyRun } from '../../src/core/jobs/copy/types.ts';
import { copySnapshots } from '../../src/core/jobs/copy-snapshots.ts';
import { prune } from '../../src/core/jobs/prune/prune.ts';
import type { PruneReport } from '../../src/core/jobs/prune/types.ts';
import { openState, type State } from '../../src/core/state/state.ts';
import {
  addin,
  keysIn,
  ownerUuid,
  put,
  putSnapshot,
  type SyntheticSnapshot,
  signal,
} from './synthetic-snapshots.ts';

export const dayMs = 24 * 3_600_000;
export const owner = ownerUuid(1);
const ref = { name: 'synthetic', version: '1.0.0', contract: 1 };

/** A store with some methods replaced. */
export const withMethods = (store: Store, methods: Partial<Store>): Store => ({ ...store, ...methods });

export class SyntheticCopy {
  readonly directory: string;
  nowMs = Date.UTC(2026, 10, 21, 3, 15);
  readonly now = (): number => this.nowMs;
  readonly main = memoryStore({ now: this.now });
  readonly copy = memoryStore({ now: this.now });
  readonly world = {
    now: this.now,
    newUuid: (): string => randomUUID(),
    newObjectId: (): string => randomBytes(16).toString('hex'),
  };
  readonly state: State;

  private constructor(directory: string, state: State) {
    this.directory = directory;
    this.state = state;
  }

  static async open(): Promise<SyntheticCopy> {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-synthetic-copy-'));
    const made = new SyntheticCopy(directory, await stateOn('lab', directory));
    const file = { format: 1, store: randomUUID(), origins: [], features: [], createdAt: '' };
    await put(made.main, 'holdfast.json', JSON.stringify(file));
    return made;
  }

  get server(): string {
    return this.state.server.uuid;
  }

  /** At the present instant, in the main store where no other is named. */
  snapshot(made: Omit<SyntheticSnapshot, 'atMs' | 'server'>, store: Store = this.main) {
    return putSnapshot(store, { ...made, atMs: this.nowMs, server: this.server });
  }

  /** One snapshot a day in the main store, the newest now. */
  async days(count: number, more: { readonly owner?: string; readonly first?: number } = {}): Promise<void> {
    const { first = 1 } = more;
    for (let sequence = first; sequence < first + count; sequence++) {
      this.nowMs += dayMs;
      await this.snapshot({ owner: more.owner ?? owner, sequence });
    }
  }

  async run(
    retention: Retention | null = null,
    { copy = this.copy, ...overrides }: Partial<CopyRun> & { readonly copy?: Store } = {},
  ): Promise<CopyReport> {
    const provider = await s3TarProvider.open({ store: this.main, settings: { use: 's3-tar' } });
    const [report] = await copySnapshots({
      addin: { ...addin, store: this.main, provider, encryption: 'none', storeRef: ref, providerRef: ref },
      copies: [{ name: 'offsite', retention, open: () => opened(copy) }],
      state: this.state,
      stateDir: this.directory,
      concurrency: 2,
      settleMs: 1,
      world: this.world,
      signal,
      onEvent: () => {},
      ...overrides,
    });
    return report!;
  }

  /** Of the copy. @param stateDir another one stands for another machine */
  async prune(
    retention: Retention | null,
    {
      stateDir = this.directory,
      on = this.copy,
      acceptGaps = false,
    }: { readonly stateDir?: string; readonly on?: Store; readonly acceptGaps?: boolean } = {},
  ): Promise<PruneReport> {
    return prune({
      ...(await opened(on)),
      server: this.server,
      addin,
      owners: null,
      retention: retention && { maxRemoveShare: 1, ...retention },
      apply: true,
      stateDir,
      acceptGaps,
      world: this.world,
      signal,
      onEvent: () => {},
    });
  }

  /** Sequences of the snapshots in the copy. @throws where one lacks an object */
  async copied(): Promise<number[]> {
    const { provider } = await opened(this.copy);
    const there = new Set(await keysIn(this.copy));
    const sequences: number[] = [];
    for (const listed of await listSnapshots(this.copy, {}, signal)) {
      const { header } = await readSnapshot(provider, listed, signal);
      const lost = [...header.objects, ...header.references].filter(({ key }) => !there.has(key));
      if (lost.length > 0) throw new Error(`snapshot ${header.sequence} lacks ${lost[0]!.key}`);
      sequences.push(header.sequence);
    }
    return sequences;
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** On another machine the server has another UUID. */
export function stateOn(machine: string, directory: string): Promise<State> {
  const parts = { now: Date.now, newUuid: randomUUID, machineId: async () => machine };
  const xattrs = { readXattr: async () => null, readStamp: async () => null, writeXattr: async () => {} };
  return openState(directory, { ...parts, ...xattrs });
}

export const opened = async (store: Store) => ({
  store,
  provider: await s3TarProvider.open({ store, settings: { use: 's3-tar' } }),
});
