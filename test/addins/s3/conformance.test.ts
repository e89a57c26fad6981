import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeChecks } from '../../../src/core/conformance/store-checks.ts';
import type { Store } from '../../../src/core/index.ts';
import { openStoreApart } from '../../../src/core/isolation/isolate.ts';
import { rootOfCheckout } from '../../support/isolated.ts';
import { type S3Server, startS3 } from '../../support/s3.ts';
import { findOutCreateOnly, mebibyte, newBucket, openStore, put, read, signal } from './bench-of-store.ts';

let server: S3Server;
beforeAll(async () => {
  server = await startS3();
});
afterAll(() => server.stop());

describe.each([
  // Enforced on buckets without versions only: found out by the store, known of this service.
  { kind: 'a plain bucket', options: {}, settings: {}, conditionalCreate: true, versions: false },
  {
    kind: 'a bucket with versions',
    options: { versions: true },
    settings: {},
    conditionalCreate: false,
    versions: true,
  },
  {
    kind: 'credentials that can only put',
    options: {},
    settings: { putOnly: true },
    conditionalCreate: true,
    versions: false,
  },
])('the s3 store on $kind', ({ options, settings, conditionalCreate, versions }) => {
  let store: Store;
  let reopen: () => Promise<Store>;
  beforeAll(async () => {
    const bucket = await newBucket(server, options);
    reopen = () => openStore(server, bucket, settings);
    store = await reopen();
    await findOutCreateOnly(store);
  });
  afterAll(() => store.close());

  it('finds out what the bucket can do', () => {
    const putOnly = settings.putOnly === true;
    expect(store.capabilities).toMatchObject({ conditionalCreate, versions, putOnly });
  });

  for (const [index, check] of storeChecks.entries()) {
    const claims = {
      conditionalCreate,
      versions,
      objectLock: false,
      storageClasses: [],
      serverSideCopy: false,
      putOnly: settings.putOnly === true,
    };
    if (check.when?.(claims) === false) continue;
    it(check.name, () =>
      check.run(store, {
        prefix: `check-${index}/`,
        signal,
        randomBytes: (length) => randomBytes(length),
        now: Date.now,
        reopen,
      }),
    );
  }
});

describe('the s3 store in a process of its own', () => {
  it('keeps objects, and says what it has found out about the bucket', async () => {
    const settings = {
      ...{ endpoint: server.endpoint, region: server.region, bucket: await newBucket(server) },
      ...{ accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
    };
    const store = await openStoreApart(
      {
        ...{ name: 'the store s3', root: rootOfCheckout, whose: 'own', needs: {} },
        opening: { module: `${rootOfCheckout}/src/addins/s3/index.ts`, exported: 's3Store' },
        secrets: [settings.secretAccessKey],
      },
      settings,
      { env: {}, accounts: [] },
    );
    try {
      const bytes = randomBytes(12 * mebibyte);
      const before = store.capabilities.conditionalCreate;
      await findOutCreateOnly(store);
      await put(store, 'data/large', bytes);

      expect(Buffer.compare(await read(store, 'data/large'), bytes)).toBe(0);
      expect([before, store.capabilities.conditionalCreate]).toEqual([false, true]);
    } finally {
      await store.close();
    }
  });
});
