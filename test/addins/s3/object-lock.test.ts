/** Object lock on a real service: what the credentials of a server can no longer do, and what prune is told. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteBucketCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectRetentionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { chainProvider } from '../../../src/addins/chain/index.ts';
import { s3Store } from '../../../src/addins/s3/index.ts';
import { lockEndMs } from '../../../src/addins/s3/lock.ts';
import { readSettings } from '../../../src/addins/s3/settings.ts';
import { policiesOf } from '../../../src/addins/s3/setup/policies.ts';
import type { Store } from '../../../src/core/index.ts';
import type { Snapshot } from '../../../src/core/jobs/catalog.ts';
import { prune } from '../../../src/core/jobs/prune/prune.ts';
import { openLab } from '../../support/backup.ts';
import { type S3Server, startS3 } from '../../support/s3.ts';
import { adminClient, mebibyte, newBucket, openStore, put, read, signal } from './bench-of-store.ts';

const dayMs = 86_400_000;
const server = '11111111-1111-4111-8111-111111111111';
const owner = '22222222-2222-4222-8222-222222222222';
const key = (kind: string, name = 'x'): string => `${kind}/${server}/${owner}/${name}`;
const days = { data: 30, index: 20, manifests: 10, keys: 5 };
let service: S3Server;
let admin: S3Client;
const open: Store[] = [];

beforeAll(async () => {
  service = await startS3();
  admin = adminClient(service);
});
afterAll(async () => {
  admin.destroy();
  await service.stop();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((store) => store.close()));
});

async function opened(bucket: string, settings: Readonly<Record<string, unknown>> = {}): Promise<Store> {
  const store = await openStore(service, bucket, settings);
  open.push(store);
  return store;
}

const at = (bucket: string, name: string) => ({ Bucket: bucket, Key: `fleet/${name}` });
const failure = (work: Promise<unknown>) =>
  work.then(
    () => 'success',
    (error: { name: string }) => error.name,
  );

async function retentionOf(bucket: string, name: string) {
  const { Retention } = await admin.send(new GetObjectRetentionCommand(at(bucket, name)));
  return { mode: Retention?.Mode, untilMs: Retention?.RetainUntilDate?.getTime() ?? 0 };
}

/** Whole days from now, rounded up as the store does. */
const about = (count: number): [number, number] => {
  const now = Date.now();
  return [lockEndMs(count, now - 60_000), lockEndMs(count, now + 60_000)];
};

describe('what is put into a bucket with object lock', () => {
  it('is locked by its class, in one request and in parts, and nothing else is', async () => {
    const bucket = await newBucket(service, { lock: true });
    const store = await opened(bucket, { objectLock: { mode: 'compliance', days } });
    const lockRules = 'data 30 days, index 20 days, manifests 10 days, keys 5 days (compliance)';
    expect(store.capabilities).toMatchObject({ objectLock: true, versions: true, lockRules });
    await put(store, key('data'), randomBytes(6 * mebibyte), { createOnly: true });
    for (const kind of ['index', 'manifests', 'keys', 'events', 'runs']) {
      await put(store, key(kind), randomBytes(10), { createOnly: true });
    }

    for (const [kind, count] of Object.entries(days)) {
      const { mode, untilMs } = await retentionOf(bucket, key(kind));
      expect(mode).toBe('COMPLIANCE');
      expect(about(count)).toContain(untilMs);
      expect((await store.head({ key: key(kind), signal }))?.lockedUntilMs).toBe(untilMs);
    }
    for (const kind of ['events', 'runs']) {
      expect(await failure(admin.send(new GetObjectRetentionCommand(at(bucket, key(kind)))))).not.toBe(
        'success',
      );
      expect((await store.head({ key: key(kind), signal }))?.lockedUntilMs ?? null).toBeNull();
      await store.remove({ key: key(kind), signal });
    }
    await expect(store.remove({ key: key('data'), signal })).rejects.toMatchObject({ code: 'STORE_DENIED' });
  });

  it('has its lock extended when that is due, and never shortened', async () => {
    const bucket = await newBucket(service, { lock: true });
    const short = await opened(bucket, { objectLock: { mode: 'governance', days: { data: 1 } } });
    for (const name of [key('data'), key('data', 'ahead')]) await put(short, name, randomBytes(10));
    const before = await retentionOf(bucket, key('data'));
    const longer = await opened(bucket, { objectLock: { mode: 'governance', days: { data: 40 } } });

    await longer.extendLock?.({ key: key('data'), lockedAtMs: Date.now(), signal });
    expect(await retentionOf(bucket, key('data'))).toEqual(before);
    await longer.extendLock?.({ key: key('data'), lockedAtMs: Date.now() - 6 * dayMs, signal });
    const after = await retentionOf(bucket, key('data'));
    expect(about(40)).toContain(after.untilMs);
    // By a clock that was wrong: nobody knows.
    await longer.extendLock?.({ key: key('data', 'ahead'), lockedAtMs: Date.now() + 20 * dayMs, signal });
    expect(about(40)).toContain((await retentionOf(bucket, key('data', 'ahead'))).untilMs);
    await short.extendLock?.({ key: key('data'), lockedAtMs: null, signal });
    expect(await retentionOf(bucket, key('data'))).toEqual(after);
    await longer.extendLock?.({ key: key('events'), lockedAtMs: null, signal });
    await expect(
      longer.extendLock?.({ key: key('data', 'absent'), lockedAtMs: null, signal }),
    ).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
  });

  it('is refused where the bucket has none, also with credentials that cannot ask', async () => {
    const bucket = await newBucket(service, { versions: true });
    const settings = { objectLock: { mode: 'governance', days } };
    for (const more of [{}, { putOnly: true }]) {
      const store = await opened(bucket, { ...settings, ...more });
      expect(store.capabilities.objectLock).toBe(false);
      // Locks are counted on until somebody says that there are none.
      expect(store.capabilities.lockRules === null).toBe(!('putOnly' in more));
      await expect(put(store, key('data'), randomBytes(10))).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      });
      await expect(put(store, key('data'), randomBytes(6 * mebibyte))).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      });
      await put(store, key('runs', JSON.stringify(more).length.toString()), randomBytes(10));
    }
  });
});

describe('a server that was taken over', () => {
  for (const mode of ['governance', 'compliance'] as const) {
    it(`can neither delete nor alter what is older, with put-only credentials and ${mode}`, async () => {
      const bucket = await newBucket(service, { lock: true });
      const objectLock = { mode, days };
      const keys = await newUser(`taken-${mode}`);
      const settings = readSettings({ use: 's3', bucket, prefix: 'fleet/', objectLock });
      await grant(
        bucket,
        `taken-${mode}`,
        policiesOf(settings, server)[0]!.document['Statement'] as object[],
      );
      const store = await opened(bucket, { ...keys, objectLock, putOnly: true });
      const bytes = randomBytes(6 * mebibyte);
      const { version } = await put(store, key('data'), bytes, { createOnly: true });
      await store.extendLock?.({ key: key('data'), lockedAtMs: null, signal });
      const before = await retentionOf(bucket, key('data'));

      const thief = adminClient({ ...service, accessKey: keys.accessKeyId, secretKey: keys.secretAccessKey });
      const where = at(bucket, key('data'));
      const soon = new Date(Date.now() + 60_000);
      const none = new Date(Date.now() + dayMs);
      const attempts: Record<string, Promise<unknown>> = {
        'delete the version': thief.send(new DeleteObjectCommand({ ...where, VersionId: version! })),
        'delete it, passing governance': thief.send(
          new DeleteObjectCommand({ ...where, VersionId: version!, BypassGovernanceRetention: true }),
        ),
        'hide it': thief.send(new DeleteObjectCommand(where)),
        'shorten the retention': thief.send(
          new PutObjectRetentionCommand({
            ...where,
            VersionId: version!,
            Retention: { Mode: mode === 'governance' ? 'GOVERNANCE' : 'COMPLIANCE', RetainUntilDate: soon },
          }),
        ),
        'shorten it, passing governance': thief.send(
          new PutObjectRetentionCommand({
            ...where,
            VersionId: version!,
            BypassGovernanceRetention: true,
            Retention: { Mode: 'GOVERNANCE', RetainUntilDate: none },
          }),
        ),
        'end the legal hold': thief.send(
          new PutObjectLegalHoldCommand({ ...where, LegalHold: { Status: 'OFF' } }),
        ),
        'change the lock of the bucket': thief.send(
          new PutObjectLockConfigurationCommand({
            Bucket: bucket,
            ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' },
          }),
        ),
        'suspend versions': thief.send(
          new PutBucketVersioningCommand({
            Bucket: bucket,
            VersioningConfiguration: { Status: 'Suspended' },
          }),
        ),
        'expire it by a lifecycle rule': thief.send(
          new PutBucketLifecycleConfigurationCommand({
            Bucket: bucket,
            LifecycleConfiguration: {
              Rules: [{ ID: 'x', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } }],
            },
          }),
        ),
        'take the policy away': thief.send(new DeleteBucketPolicyCommand({ Bucket: bucket })),
        'delete the bucket': thief.send(new DeleteBucketCommand({ Bucket: bucket })),
      };
      const names = Object.keys(attempts);
      const outcomes = await Promise.all(names.map((name) => failure(attempts[name]!)));
      expect(
        outcomes.map((outcome, i) => [names[i], outcome]).filter(([, outcome]) => outcome === 'success'),
      ).toEqual([]);
      // A put under the same key makes a new version and leaves the old one as it was.
      await thief.send(new PutObjectCommand({ ...where, Body: Buffer.from('ransom') }));
      thief.destroy();

      const { Body } = await admin.send(new GetObjectCommand({ ...where, VersionId: version! }));
      expect(Buffer.compare(Buffer.from(await Body!.transformToByteArray()), bytes)).toBe(0);
      const { Retention } = await admin.send(
        new GetObjectRetentionCommand({ ...where, VersionId: version! }),
      );
      expect(Retention?.RetainUntilDate?.getTime()).toBe(before.untilMs);
      const pruner = await opened(bucket);
      expect((await read(pruner, key('data'))).toString()).toBe('ransom');
      await pruner.remove({ key: key('data'), signal });
    });
  }

  async function newUser(name: string): Promise<{ accessKeyId: string; secretAccessKey: string }> {
    const keys = { accessKeyId: `${name}-id`, secretAccessKey: `${name}-secret` };
    await service.admin(
      'user',
      'create',
      `--uid=${name}`,
      `--display-name=${name}`,
      `--access-key=${keys.accessKeyId}`,
      `--secret-key=${keys.secretAccessKey}`,
    );
    return keys;
  }

  async function grant(bucket: string, user: string, statements: readonly object[]): Promise<void> {
    const Principal = { AWS: [`arn:aws:iam:::user/${user}`] };
    // On Ceph a bucket's owner needs it for objects of others.
    const Owner = { AWS: ['arn:aws:iam:::user/tester'] };
    const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
    const Statement = [
      ...statements.map((statement) => ({ ...statement, Principal })),
      { Effect: 'Allow', Principal: Owner, Action: 's3:*', Resource },
    ];
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
    await admin.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  }
});

describe('a chain of backups to a bucket with object lock', () => {
  it('is locked as a whole by put-only credentials, and prune elsewhere says until when', async () => {
    const bucket = await newBucket(service, { lock: true });
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-object-lock-'));
    const tree = join(directory, 'tree');
    mkdirSync(tree);
    const objectLock = { mode: 'compliance', days: { data: 2, index: 2, manifests: 2 } } as const;
    const writer = await opened(bucket, { objectLock, putOnly: true });
    const lab = await openLab(join(directory), { chain: {}, store: writer });
    const elsewhere = await opened(bucket, { objectLock });
    const provider = await chainProvider.open({ store: elsewhere, settings: { use: 'chain' } });
    try {
      const snapshots: Snapshot[] = [];
      for (let day = 3; day > 0; day--) {
        writeFileSync(join(tree, `page-${day}`), randomBytes(5000));
        const options = {
          level: day === 3 ? 'full' : 'incremental',
          now: () => Date.now() - day * dayMs,
        } as const;
        snapshots.push((await lab.backUp({ shadow: tree }, options)).snapshot);
      }
      const last = snapshots.at(-1)!;
      expect(last.header.references.length).toBeGreaterThan(1);
      expect(last.body.warningCounts).toEqual({});
      const { untilMs } = await retentionOf(bucket, last.key);
      for (const one of [...last.header.objects, ...last.header.references]) {
        expect((await retentionOf(bucket, one.key)).untilMs).toBeGreaterThanOrEqual(untilMs);
      }

      const report = await prune({
        store: elsewhere,
        provider,
        server: lab.state.server.uuid,
        addin: lab.addin,
        owners: null,
        retention: { keepLast: 1, maxRemoveShare: 1 },
        apply: true,
        stateDir: join(directory, 'elsewhere'),
        world: { now: Date.now, newObjectId: () => 'e'.repeat(32) },
        signal,
        onEvent: () => {},
      });
      expect(report).toMatchObject({ exitStatus: 0, denied: 0, removed: { count: 0 } });
      const until = new Date(untilMs).toISOString().slice(0, 16);
      expect(report.snapshots[1]?.reasons).toEqual([`locked by the store until ${until}Z`]);
    } finally {
      await lab.close();
      rmSync(directory, { recursive: true });
    }
  });
});

describe('set-up of a bucket with object lock', () => {
  const objectLock = { mode: 'governance', days } as const;
  const request = {
    server,
    probe: '33333333-3333-4333-8333-333333333333',
    keepDays: 7,
    prunes: true,
    nowMs: Date.now(),
    signal,
  };
  const setup = async (bucket: string) => {
    const settings = { use: 's3', endpoint: service.endpoint, region: service.region, bucket, objectLock };
    return s3Store.setup!({
      ...settings,
      accessKeyId: service.accessKey,
      secretAccessKey: service.secretKey,
    });
  };

  it('makes a new bucket with it, and says what is locked and who can lock', async () => {
    const place = await setup('made-with-lock');
    expect((await place.apply(request)).map(({ name, state }) => `${name} ${state}`)).toContain(
      'object lock present',
    );
    const found = await place.inspect(request);
    expect(
      found.filter(({ name }) => name === 'object lock').map(({ state, detail }) => [state, detail]),
    ).toEqual([
      ['ok', 'is on: data 30 days, index 20 days, manifests 10 days, keys 5 days (governance)'],
      ['note', expect.stringContaining('BypassGovernanceRetention')],
    ]);
    const { rights } = await place.tryOut(request);
    expect(rights.filter(({ name }) => name.startsWith('lock ')).map(({ allowed }) => allowed)).toEqual(
      ['data', 'index', 'manifests', 'keys'].map(() => 'yes'),
    );
    expect(await service.rclone('lsf', '-R', '--s3-versions', 's3:made-with-lock')).toBe('');
    await place.close();
  });

  it('cannot give it to one that is there, and says so', async () => {
    const bucket = await newBucket(service, { versions: true });
    const place = await setup(bucket);
    expect((await place.inspect(request)).find(({ name }) => name === 'object lock')).toMatchObject({
      state: 'error',
      code: 'CONFIG_INVALID',
    });
    expect((await place.apply(request)).find(({ name }) => name === 'object lock')).toMatchObject({
      state: 'failed',
      code: 'CONFIG_INVALID',
    });
    await place.close();
  });
});
