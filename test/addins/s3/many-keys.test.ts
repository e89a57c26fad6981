import { afterAll, beforeAll, expect, it } from 'vitest';
import { type S3Server, startS3 } from '../../support/s3.ts';
import { bucketOfKeys, listInOwnProcess } from './many-keys.ts';

let server: S3Server;
beforeAll(async () => {
  server = await startS3();
});
afterAll(() => server.stop());

it('lists 4,500 keys over several pages, each once and in order', async () => {
  const bucket = await bucketOfKeys(server, 4500);

  const listing = await listInOwnProcess(server, bucket);

  expect(listing).toMatchObject({ keys: 4500, ordered: true });
});
