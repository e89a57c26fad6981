import { expect, it } from 'vitest';
import { describeAny } from '../../src/cli/documents/locked-snapshot.ts';
import { memoryStore } from '../../src/core/conformance/memory-store.ts';
import type { AnySnapshot } from '../../src/core/jobs/catalog.ts';
import type { AccountRecord } from '../../src/core/state/account-records.ts';
import { ownerUuid, putSnapshot } from '../support/synthetic-snapshots.ts';

it('a locked snapshot has the domain that this machine saw the account with then', async () => {
  const uuid = ownerUuid(1);
  const made = await putSnapshot(memoryStore(), { owner: uuid, sequence: 1, atMs: 2000 });
  const snapshot = { ...made.manifest, body: null, key: made.key, name: '' } as unknown as AnySnapshot;
  const seen = [1000, 3000].map((firstSeenMs) => ({
    ...{ site: 'anna', domain: `${firstSeenMs}.example`, firstSeenMs, lastSeenMs: firstSeenMs },
  }));
  const records = [{ uuid, home: null, marked: true, attributes: seen }] as unknown as AccountRecord[];

  const sites = new Map([[uuid, 'anna']]);
  expect(describeAny(snapshot, sites, records)).toMatchObject({ account: 'anna', domain: '1000.example' });
  expect(describeAny(snapshot, sites, [])).toMatchObject({ domain: null });
});
