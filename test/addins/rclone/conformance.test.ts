/** The store contract on real remotes of several kinds, each behind its own rclone. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../../src/core/index.ts';
import { checksFor, storeCheckFailure } from '../../support/run-checks.ts';
import { type S3Server, startS3 } from '../../support/s3.ts';
import { makeRemotes, type Remotes } from './remotes.ts';

let remotes: Remotes;
let server: S3Server;

beforeAll(async () => {
  [remotes, server] = [makeRemotes(), await startS3()];
  remotes.add('s3', {
    type: 's3',
    provider: 'Ceph',
    endpoint: server.endpoint,
    access_key_id: server.accessKey,
    secret_access_key: server.secretKey,
  });
});
afterAll(async () => {
  await remotes.remove();
  await server.stop();
});

const capabilities = {
  conditionalCreate: false,
  versions: false,
  objectLock: false,
  storageClasses: [],
  serverSideCopy: false,
  putOnly: false,
};

describe.each([
  { kind: 'a directory', remote: 'files:', copies: false },
  { kind: 'a bucket', remote: 's3:holdfast/fleet', copies: true },
])('the rclone store on $kind', ({ remote, copies }) => {
  let store: Store;
  beforeAll(async () => {
    store = await remotes.open(remote);
  });

  it.each(checksFor({ capabilities }))('$name', async (check) => {
    expect(await storeCheckFailure(check, store)).toBeNull();
  });

  it('claims what the remote says it can do', () => {
    expect(store.capabilities).toEqual({ ...capabilities, serverSideCopy: copies });
  });
});
