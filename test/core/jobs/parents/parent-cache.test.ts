/** What the state keeps of an account's snapshots, and for which of them it vouches. */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../src/core/conformance/index.ts';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { ParentCache } from '../../../../src/core/jobs/parents/parent-cache.ts';
import {
  ownerUuid,
  putSnapshot,
  type SyntheticSnapshot,
  server,
} from '../../../support/synthetic-snapshots.ts';

const owner = ownerUuid(1);
let stateDir: string;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'holdfast-parent-cache-'));
});
afterEach(() => rmSync(stateDir, { recursive: true }));

const open = (): Promise<ParentCache> =>
  ParentCache.open({ useful: true, stateDir, addinId: 'a'.repeat(32), owner });
const directory = (): string => join(stateDir, 'parents', 'a'.repeat(32), owner);

const descriptors = (): number => readdirSync('/proc/self/fd').length;

async function remember(made: Omit<SyntheticSnapshot, 'owner' | 'atMs'>): Promise<Snapshot> {
  const atMs = Date.UTC(2026, 10, made.sequence);
  const { manifest, key } = await putSnapshot(memoryStore({ now: Date.now }), { owner, atMs, ...made });
  const snapshot = { ...manifest, key, signedBy: null, name: '' };
  const cache = await open();
  await cache.remember(snapshot);
  cache.close();
  return snapshot;
}

describe('the cache of parents', () => {
  it('lists the newest snapshot, with the newest full and complete one before it', async () => {
    await remember({ sequence: 1 });
    const full = await remember({ sequence: 2 });
    const last = await remember({ sequence: 3, level: 'incremental', databases: { shop: false } });

    expect((await open()).listed(last.header).map(({ key }) => key)).toEqual([full.key, last.key]);
  });

  it('lists nothing where the newest is lost, since prune may have taken what is before it', async () => {
    await remember({ sequence: 1 });
    const last = await remember({ sequence: 2, level: 'incremental' });
    for (const damage of ['', '{}', undefined]) {
      const path = join(directory(), `${last.header.id}.json`);
      if (damage === undefined) rmSync(path);
      else writeFileSync(path, damage);
      expect((await open()).listed(last.header)).toEqual([]);
    }
  });

  it('drops an index that was begun for a snapshot which was never committed', async () => {
    const cache = await open();
    const writer = cache.writer(`index/${server}/${owner}/${'0'.repeat(32)}.idx`);
    writer.write(Buffer.from('index'));
    expect(readdirSync(directory())).toHaveLength(1);
    const before = descriptors();
    cache.close();

    expect(readdirSync(directory())).toEqual([]);
    expect(descriptors()).toBe(before - 1);
  });

  it('keeps nothing of another lineage, whose numbers may be higher', async () => {
    await remember({ sequence: 1, lineage: 'a' });
    await remember({ sequence: 2, lineage: 'a', level: 'incremental' });
    const last = await remember({ sequence: 1, lineage: 'b', databases: { shop: false } });

    expect((await open()).listed(last.header).map(({ key }) => key)).toEqual([last.key]);
    expect(readdirSync(directory())).toEqual([`${last.header.id}.json`]);
  });
});
