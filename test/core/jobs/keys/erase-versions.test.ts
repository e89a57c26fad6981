/** Erasure and rotation on a real bucket with versions: no version of a key object may stay. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteObjectCommand, ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { s3TarProvider } from '../../../../src/addins/s3-tar/index.ts';
import { newKeyPair } from '../../../../src/core/age/x25519.ts';
import type { Provider } from '../../../../src/core/contracts/provider.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { identityText, pairId, recipientText } from '../../../../src/core/encryption/key-text.ts';
import { createEpoch, listKeys, openEpoch, reviseEpoch } from '../../../../src/core/encryption/owner-keys.ts';
import { eraseAccount } from '../../../../src/core/jobs/keys/erase-account.ts';
import { encryptAnew } from '../../../../src/core/jobs/keys/rotate-keys.ts';
import { bytesOf, collect } from '../../../../src/core/streams.ts';
import { adminClient, newBucket, openStore } from '../../../addins/s3/bench-of-store.ts';
import { type S3Server, startS3 } from '../../../support/s3.ts';
import { ownerUuid, put, server, signal } from '../../../support/synthetic-snapshots.ts';
import { twins } from '../../../support/twin-keys.ts';

const owner = ownerUuid(1);
const storeId = '33333333-3333-4333-8333-333333333333';
const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-erase-'));
let service: S3Server;
let admin: S3Client;
let bucket: string;
let store: Store;

beforeAll(async () => {
  service = await startS3();
  admin = adminClient(service);
  bucket = await newBucket(service, { versions: true });
  store = await openStore(service, bucket);
});
afterAll(async () => {
  await store.close();
  admin.destroy();
  await service.stop();
  rmSync(stateDir, { recursive: true });
});

/** A provider that puts over what is there, as whoever may write can. */
const overwriting = (over: Store, key: string): Provider =>
  ({ put: ({ body }: { body: AsyncIterable<Uint8Array> }) => over.put({ key, body, signal }) }) as never;

async function versionsOfKeys(): Promise<number> {
  const { Versions = [], DeleteMarkers = [] } = await admin.send(
    new ListObjectVersionsCommand({ Bucket: bucket }),
  );
  return [...Versions, ...DeleteMarkers].filter(({ Key }) => Key?.includes('/keys/') ?? false).length;
}

describe('keys in a bucket with versions', () => {
  it('leave no version behind, neither rotated nor erased', async () => {
    const provider = await s3TarProvider.open({ store, settings: { use: 's3-tar' } });
    const [old, fresh] = [newKeyPair(), newKeyPair()];
    const identities = [{ secret: identityText(old.privateKey), recipient: recipientText(old.publicKey) }];
    const place = { server, owner, epoch: 1 };
    const { key } = await createEpoch(provider, place, [identities[0]!.recipient], signal);
    expect(await versionsOfKeys()).toBe(1);
    const common = { store, provider, storeId, stateDir, signal };

    // Put once more under its name, as by somebody who puts a copy of the store back.
    const bytes = await collect(store.get({ key, signal }), 10_000);
    await store.put({ key, body: bytesOf(bytes), signal });
    expect(await versionsOfKeys()).toBe(2);
    const recipients = [recipientText(fresh.publicKey)];
    await encryptAnew({ ...common, server, owners: null, identities, recipients });
    expect(await versionsOfKeys()).toBe(1);

    const [counts] = await listKeys(store, { server, owner }, signal);
    await put(store, counts!.key, 'another version');
    expect(await versionsOfKeys()).toBe(2);
    const world = { now: () => 0, newObjectId: () => 'a'.repeat(32) };
    const erasure = { servers: [server], owner, reason: 'asked for', apply: true, world };
    expect(await eraseAccount({ ...common, ...erasure })).toMatchObject({ keys: 1, left: [] });

    expect(await versionsOfKeys()).toBe(0);
  });

  it('stay where one was put above them that only shares their id', async () => {
    const provider = await s3TarProvider.open({ store, settings: { use: 's3-tar' } });
    const admin = newKeyPair();
    const identities = [
      { secret: identityText(admin.privateKey), recipient: recipientText(admin.publicKey) },
    ];
    const recipients = identities.map(({ recipient }) => recipient);
    // A place of its own for each try.
    const place = { server, owner: randomUUID(), epoch: 1 };
    const [genuine, planted] = twins.map((pair) => ({ epoch: 1, publicKey: pair.publicKey, pair }));
    const name = { ...place, revision: -1, pair: pairId(genuine!.publicKey) };
    const beside = { ...name, key: '', version: null, sizeBytes: 0 };
    const key = await reviseEpoch(provider, beside, genuine!, recipients, signal);
    const [listed] = await listKeys(store, place, signal);
    const above = await reviseEpoch(overwriting(store, key), beside, planted!, recipients, signal);
    expect(above).toBe(key);

    const common = { store, provider, storeId, stateDir, signal, server, owners: [place.owner] };
    const done = await encryptAnew({ ...common, identities, recipients });

    expect(done).toMatchObject([{ action: 'encrypted-anew', kept: 1 }]);
    const kept = await openEpoch(provider, listed!, identities, signal, listed!.version ?? undefined);
    expect(kept.publicKey).toEqual(genuine!.publicKey);
  });

  it('leave none behind that somebody hid behind markers, either', async () => {
    const provider = await s3TarProvider.open({ store, settings: { use: 's3-tar' } });
    const { publicKey } = newKeyPair();
    const place = { server, owner: ownerUuid(2), epoch: 1 };
    const { key } = await createEpoch(provider, place, [recipientText(publicKey)], signal);
    const hide = () => admin.send(new DeleteObjectCommand({ Bucket: bucket, Key: `fleet/${key}` }));
    await hide();
    await put(store, key, 'another version');
    await hide();
    expect(await listKeys(store, place, signal)).toEqual([]);
    expect(await listKeys(store, place, signal, true)).toHaveLength(1);
    const world = { now: () => 0, newObjectId: () => 'b'.repeat(32) };
    const common = { store, provider, storeId, stateDir, signal };
    const erasure = { servers: [server], owner: place.owner, reason: 'asked for', apply: true, world };
    expect(await eraseAccount({ ...common, ...erasure })).toMatchObject({ keys: 1, left: [] });

    const { Versions = [] } = await admin.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    const left = Versions.filter(({ Key }) => Key?.startsWith(`fleet/keys/${server}/${place.owner}/`));
    expect(left).toEqual([]);
  });
});
