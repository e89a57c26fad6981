import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fullBytes } from '../../src/cli/full-size.ts';
import { addinId } from '../../src/cli/opened.ts';
import { rememberLineage } from '../../src/core/state/lineages.ts';
import type { Measures } from '../../src/core/state/measures.ts';
import type { State } from '../../src/core/state/state.ts';

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'holdfast-full-size-'));
});
afterEach(() => rmSync(stateDir, { recursive: true }));

const server = { uuid: 'a-server', systemUuid: 'b', previous: [] };
const state = { server, sites: () => new Map([['anna', 'anna']]) } as Pick<State, 'server' | 'sites'>;

const measured = (bytes: number, newBytes: number, ratio: number | null): Measures => {
  return {
    id: '0'.repeat(12),
    state: 'complete',
    entries: 1,
    bytes,
    changes: 1,
    newBytes,
    ratio,
    findings: [],
  };
};

const remember = (owner: string, recent: readonly Measures[]): Promise<void> => {
  const last = { lineage: 'a'.repeat(32), sequence: 1, digest: 'c'.repeat(64) };
  const lineage = { last, own: [], foreign: [], recent };
  return rememberLineage(stateDir, addinId(server.uuid, 'nightly'), owner, lineage, false);
};

it('tells what fulls of the accounts that are here would store, by how the most of them compressed', async () => {
  expect(await fullBytes(stateDir, state, 'nightly')).toBeNull();
  await remember('anna', [measured(1000, 1000, 4), measured(2000, 10, 0.05), measured(2000, 0, null)]);
  await remember('gone', [measured(5000, 5000, 1)]);

  expect(await fullBytes(stateDir, state, 'nightly/far')).toBe(500);
});
