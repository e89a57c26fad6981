/** What retention is told of a manifest. */

import { expect, it } from 'vitest';
import { manifestKey } from '../../../../src/core/archive/keys.ts';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import { retainedOf } from '../../../../src/core/jobs/retention/retained.ts';
import { ownerUuid, putSnapshot } from '../../../support/synthetic-snapshots.ts';

it('a marked snapshot was complete where the one that it replaces was, or may have been marked before', async () => {
  const atMs = Date.UTC(2026, 10, 21);
  const made = { owner: ownerUuid(1), sequence: 1, atMs, databases: { shop: false } };
  const { manifest } = await putSnapshot(memoryStore({ now: () => atMs }), made);
  const marked = (state: 'complete' | 'partial', revision: number): boolean => {
    const replaces = manifestKey({ ...manifest.header, atMs, state, revision });
    const header = { ...manifest.header, lost: true as const, revision: revision + 1, replaces };
    return retainedOf({ header, body: null }).wasComplete === true;
  };

  expect(retainedOf(manifest).wasComplete).toBe(undefined);
  expect(marked('complete', 0)).toBe(true);
  expect(marked('partial', 0)).toBe(false);
  // Repair found more to be lost, or compact wrote it anew.
  expect(marked('partial', 1)).toBe(true);
});
