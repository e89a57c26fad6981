/** What the state says must be in a store. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { addinId } from '../../src/cli/opened.ts';
import { rememberedBy } from '../../src/cli/remembered-snapshots.ts';
import type { StoreSession } from '../../src/cli/store-session.ts';
import { rememberLineage } from '../../src/core/state/lineages.ts';

it('is the last of every configuration that writes to the same store, and of what it has left for another lineage', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-remembered-'));
  const server = { uuid: '11111111-1111-4111-8111-111111111111' };
  const stores: Record<string, string> = { nightly: 'one', weekly: 'one', elsewhere: 'two' };
  const addins = [...Object.keys(stores), 'new'].map((name) => ({ name }));
  for (const [i, { name }] of addins.entries()) {
    const last = { lineage: name, sequence: i + 1, digest: '' };
    const former = ['one', 'two'].map((store) => ({
      ...last,
      lineage: `${name} before, in ${store}`,
      store,
    }));
    const lineage = { last, former: name === 'weekly' ? former : [], own: [], foreign: [], recent: null };
    await rememberLineage(stateDir, addinId(server.uuid, name), 'an-owner', lineage, false);
  }
  const state = { server, storeId: (name: string) => stores[name] ?? null };
  const of = async (name: string, owner: string | null = null) => {
    const session = { state, addin: { name }, loaded: { configuration: { stateDir, addins } } };
    const found = await rememberedBy(session as unknown as StoreSession, owner);
    return found.map(({ last }) => last.lineage);
  };

  expect(await of('nightly')).toEqual(['nightly', 'weekly', 'weekly before, in one']);
  expect(await of('new')).toEqual(['new']);
  expect(await of('nightly', 'another-owner')).toEqual([]);
  rmSync(stateDir, { recursive: true });
});
