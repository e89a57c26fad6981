/** Which snapshot a name means. */

import { expect, it } from 'vitest';
import { s3TarProvider } from '../../../src/addins/s3-tar/index.ts';
import { memoryStore } from '../../../src/core/conformance/memory-store.ts';
import { listSnapshots } from '../../../src/core/jobs/catalog.ts';
import { findAnySnapshot } from '../../../src/core/jobs/find-snapshot.ts';
import { ownerUuid, putSnapshot, signal } from '../../support/synthetic-snapshots.ts';

it('a name with the UUID, as it is shown where nobody has the keys, means the same snapshot with them', async () => {
  const store = memoryStore();
  const provider = await s3TarProvider.open({ store, settings: { use: 's3-tar' } });
  const { manifest } = await putSnapshot(store, { owner: ownerUuid(1), sequence: 1, atMs: 0 });
  const listed = await listSnapshots(store, {}, signal);
  const find = (wanted: string) => findAnySnapshot(provider, listed, wanted, signal);
  const rest = `19700101T000000Z-${manifest.header.id}`;

  for (const wanted of [`site1-${rest}`, `${ownerUuid(1)}-${rest}`, `${ownerUuid(1)}-1970`])
    expect((await find(wanted)).name).toBe(`site1-${rest}`);
  await expect(find(`${ownerUuid(2)}-${rest}`)).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
});
