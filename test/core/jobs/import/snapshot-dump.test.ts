/** The export of a snapshot as a dump, where the store lacks it. */

import { expect, it } from 'vitest';
import { s3TarProvider } from '../../../../src/addins/s3-tar/index.ts';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import { listSnapshots, readSnapshot } from '../../../../src/core/jobs/catalog.ts';
import { snapshotDump } from '../../../../src/core/jobs/import/snapshot-dump.ts';
import { ownerUuid, putSnapshot, signal } from '../../../support/synthetic-snapshots.ts';

it('an export that is missing in the store says what may bring it back', async () => {
  const store = memoryStore();
  const provider = await s3TarProvider.open({ store, settings: { use: 's3-tar' } });
  const made = { owner: ownerUuid(1), sequence: 1, atMs: 0, databases: { shop: true } };
  const { manifest } = await putSnapshot(store, made);
  await store.remove({ key: manifest.header.objects[2]!.key, signal });
  const [listed] = await listSnapshots(store, {}, signal);
  const snapshot = await readSnapshot(provider, listed!, signal);
  const dump = snapshotDump(snapshot, provider, { database: 'shop', instance: null });

  await expect(Array.fromAsync(dump.open(signal))).rejects.toMatchObject({
    code: 'OBJECT_MISSING',
    message: expect.stringContaining('"mariadb/shop" of site1-'),
    hint: expect.stringContaining('holdfast repair'),
  });
});
