import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openIsolated } from '../../support/isolated.ts';
import { checksFor, storeCheckFailure } from '../../support/run-checks.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-isolated-'));
const path = join(dir, 'store');
const local = {
  module: 'src/addins/local/index.ts',
  exported: 'localStore',
  settings: { use: 'local', path },
};
const store = await openIsolated(local);

afterAll(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('a store in a process of its own', () => {
  it.each(checksFor(store))('$name', async (check) => {
    expect(await storeCheckFailure(check, store, () => openIsolated(local))).toBeNull();
  });
});
