/**
 * Whole backups and restores on a bucket: what comes back, what damage is found, what a kill leaves, and how many
 * requests it takes. Damage and looking are left to rclone.
 */

import { randomBytes } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { begin, durationOf, hear, kill, startJob } from '../../support/backup-process.ts';
import { compareTrees } from '../../support/compare-trees.ts';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy.ts';
import { type MountedFilesystem, mountFilesystem } from '../../support/filesystems.ts';
import { buildFixtureTree } from '../../support/fixture-tree.ts';
import { type S3Server, startS3 } from '../../support/s3.ts';
import { labSettings, openS3Lab, type S3Lab } from '../../support/s3-lab.ts';
import { writes } from '../../support/s3-operation.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { isLong } from '../../support/sweeps.ts';
import { mebibyte, newBucket } from './bench-of-store.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-engine-s3-'));
/** Where processes that are killed have their state, beside the tree. */
const home = join(directory, 'home');
const tree = join(home, 'tree');
const random = seededRandom(10);
let server: S3Server;

/** 800 files and one that is larger than a part. */
beforeAll(async () => {
  server = await startS3();
  for (let i = 0; i < 8; i++) {
    mkdirSync(join(tree, `directory-${i}`), { recursive: true });
    for (let j = 0; j < 100; j++) {
      writeFileSync(join(tree, `directory-${i}`, `${j}`), randomBytes(Math.floor(random() * 8000)));
    }
  }
  writeFileSync(join(tree, 'film'), randomBytes(16 * mebibyte));
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** A laboratory of its own, on a bucket of its own. */
async function newLab(
  options: { settings?: object; chain?: Record<string, unknown>; encrypted?: boolean } = {},
): Promise<S3Lab> {
  const bucket = await newBucket(server);
  const { settings, ...rest } = options;
  return openS3Lab(server, join(directory, bucket), { ...labSettings(server, bucket), ...settings }, rest);
}

async function differences(source: string, lab: S3Lab, name: string): Promise<readonly unknown[]> {
  const target = join(directory, name);
  const { failures, exitStatus } = await lab.restore(target);
  expect({ failures, exitStatus }).toEqual({ failures: [], exitStatus: 0 });
  const found = await compareTrees(source, join(target, 'shadow'));
  rmSync(target, { recursive: true });
  return found.differences;
}

describe.each(isLong ? [false, true] : [true])(
  'a tree with every kind of entry, encrypted: %s',
  (encrypted) => {
    let mounted: MountedFilesystem;
    let lab: S3Lab;
    beforeAll(async () => {
      mounted = mountFilesystem('ext4');
      await buildFixtureTree(join(mounted.path, 'tree'));
      lab = await newLab({ encrypted });
    });
    afterAll(async () => {
      await lab.close();
      mounted.unmount();
    });

    it('comes back from a bucket with no difference, by our restore and by rescue.py on a copy', async () => {
      const source = join(mounted.path, 'tree');
      const [ours, rescued] = [join(mounted.path, 'ours'), join(mounted.path, 'rescued')];
      const { exitStatus } = await lab.backUp({ shadow: source });
      expect(exitStatus).toBe(0);

      expect((await lab.restore(ours)).exitStatus).toBe(0);
      expect((await compareTrees(source, join(ours, 'shadow'))).differences).toEqual([]);
      expect(await lab.fetchCopy()).toEqual([]);
      const { status, stderr } = await lab.rescue('restore', 'latest', '--account', 'site1', '--to', rescued);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect((await compareTrees(source, join(rescued, 'shadow'))).differences).toEqual([]);
    });
  },
);

describe('damage done by another client', () => {
  let lab: S3Lab;
  beforeAll(async () => {
    lab = await newLab();
    await lab.backUp({ shadow: tree });
    writeFileSync(join(tree, 'film'), randomBytes(16 * mebibyte));
    await lab.backUp({ shadow: tree });
    await lab.fetchCopy();
  });
  afterAll(() => lab.close());

  /** Of the latest snapshot first. */
  async function objects(kind: string): Promise<string[]> {
    const keys = readdirSync(lab.storePath, { recursive: true, encoding: 'utf8' });
    const { objectId } = (await lab.latest()).header;
    const own = (key: string): number => (key.includes(objectId) ? 0 : 1);
    return keys.filter((key) => key.replace(/\.age$/, '').endsWith(kind)).sort((a, b) => own(a) - own(b));
  }

  const remote = (key: string): string => `s3:${lab.storePath.split('/').at(-2)}/fleet/${key}`;
  const place = (file: string, key: string) => server.rclone('copyto', '--ignore-times', file, remote(key));
  const damages: Readonly<Record<string, (key: string, other: string) => Promise<unknown>>> = {
    removal: (key) => server.rclone('deletefile', remote(key)),
    async truncation(key) {
      const file = join(directory, 'short');
      const bytes = readFileSync(join(lab.storePath, key));
      writeFileSync(file, bytes);
      truncateSync(file, bytes.length - 1);
      await place(file, key);
    },
    replacement: (key, other) => place(join(lab.storePath, other), key),
  };

  const cases = ['.tar.zst', '.idx'].flatMap((kind) =>
    Object.keys(damages).map((one) => [one, kind] as const),
  );
  it.each(cases)('%s of a %s is found by verify, in the one snapshot it belongs to', async (damage, kind) => {
    const [key, other] = (await objects(kind)) as [string, string];
    await damages[damage]!(key, other);
    const { snapshots, exitStatus } = await lab.verify(true);
    await place(join(lab.storePath, key), key);

    expect(exitStatus).toBe(damage === 'removal' ? 43 : 42);
    const [older, newer] = snapshots.map(({ problems }) => problems.length);
    expect(older).toBe(0);
    expect(newer).toBeGreaterThan(0);
    expect((await lab.verify(false)).exitStatus).toBe(0);
  });
});

describe('after some backups to a bucket were killed at random moments', () => {
  let lab: S3Lab;
  let bucket: string;
  const uploads = async (): Promise<readonly { readonly Initiated: string }[]> => {
    const found = JSON.parse(await server.rclone('backend', 'list-multipart-uploads', `s3:${bucket}`));
    return Object.values(found as Record<string, { Initiated: string }[]>).flat();
  };

  beforeAll(async () => {
    bucket = await newBucket(server);
    const settings = { ...labSettings(server, bucket), abortUploadsAfterHours: 2 / 3600 };
    const start = (endpoint = server.endpoint) =>
      startJob('backup', home, { LAB_S3: JSON.stringify({ ...settings, endpoint }) });
    const duration = await durationOf(start());
    let next = start();
    for (let i = 0; i < (isLong ? 30 : 6); i++) {
      const child = next;
      next = start();
      await begin(child);
      if (i % 3 === 2) await hear(child, 'done');
      await sleep(random() * duration * 0.9);
      await kill(child);
    }
    await kill(next);
    // Chance may have spared every upload: one more is killed when all but its last request was answered.
    const proxy = await startFaultProxy(server.endpoint);
    proxy.play({ on: 'CompleteMultipartUpload', fault: { kind: 'stall' } });
    const last = start(proxy.endpoint);
    await begin(last);
    while (proxy.count('CompleteMultipartUpload') === 0) await sleep(5);
    await kill(last);
    await proxy.stop();
    lab = await openS3Lab(server, home, settings);
  });
  afterAll(() => lab.close());

  it('every listed snapshot is whole, the next run succeeds by itself, and uploads left over go', async () => {
    const before = await lab.verify(true);
    expect(before.snapshots.flatMap(({ problems }) => problems)).toEqual([]);
    expect(before.snapshots.length).toBeGreaterThanOrEqual(3);
    const left = await uploads();
    expect(left.length).toBeGreaterThan(0);
    // Until all are older than two seconds, by a clock that is told in whole ones.
    const oldAtMs = Math.max(...left.map(({ Initiated }) => Date.parse(Initiated))) + 3000;
    await sleep(Math.max(0, oldAtMs - Date.now()));
    const { snapshot, exitStatus } = await lab.backUp({ shadow: tree });

    expect(exitStatus).toBe(0);
    expect(snapshot.header.sequence).toBe(before.snapshots.length + 1);
    expect(await differences(tree, lab, 'after-kills')).toEqual([]);
    expect(await lab.fetchCopy()).toEqual([]);
    await expect.poll(uploads).toEqual([]);
  });
});

describe('the provider chain on a bucket', () => {
  it('brings each level back', async () => {
    const lab = await newLab({ chain: {} });
    const source = join(directory, 'chained');
    mkdirSync(source);
    for (let i = 0; i < 50; i++) writeFileSync(join(source, `${i}`), randomBytes(20_000));
    for (const level of ['full', 'incremental', 'differential', 'incremental'] as const) {
      const { snapshot } = await lab.backUp({ shadow: source }, { level });

      expect(snapshot.header.level).toBe(level);
      expect(await differences(source, lab, 'unchained')).toEqual([]);
      writeFileSync(join(source, '7'), randomBytes(30_000));
      rmSync(join(source, `${40 + snapshot.header.sequence}`));
    }
    expect((await lab.verify(true)).exitStatus).toBe(0);
    expect(await lab.fetchCopy()).toEqual([]);
    await lab.close();
  });
});

describe.each([false, true])('requests, encrypted: %s', (encrypted) => {
  let proxy: FaultProxy;
  let lab: S3Lab;
  const source = join(directory, `small-${encrypted}`);
  beforeAll(async () => {
    proxy = await startFaultProxy(server.endpoint);
    mkdirSync(source);
    for (let i = 0; i < 300; i++) writeFileSync(join(source, `${i}`), randomBytes(10_000));
    const bucket = await newBucket(server);
    const settings = { ...labSettings(server, bucket), endpoint: proxy.endpoint, partSize: 8 * mebibyte };
    const open = () => openS3Lab(server, join(directory, bucket), settings, { encrypted });
    lab = await open();
    await lab.backUp({ shadow: source });
    await lab.close();
    // As another process: by its eighth small object one finds out whether the service refuses to write it twice.
    lab = await open();
  });
  afterAll(async () => {
    await lab.close();
    await proxy.stop();
  });

  it('that write are three for a small account without databases, and one for the run', async () => {
    proxy.clear();
    // A later second: of two in one second both are read to tell the newest.
    await lab.backUp({ shadow: source }, { now: () => Date.now() + 5000 });

    const written = proxy.seen.filter(({ operation }) => writes(operation)).map(({ key }) => key);
    expect(written.map((key) => key.split('/')[1]).sort()).toEqual(['data', 'index', 'manifests', 'runs']);
  });

  it('are at most four for one file after the listing', async () => {
    proxy.clear();
    const target = join(directory, `one-file-${encrypted}`);
    const { entries } = await lab.restore(target, { paths: [Buffer.from('shadow/42')] });

    expect(entries).toBeGreaterThan(0);
    expect(readFileSync(join(target, 'shadow/42')).equals(readFileSync(join(source, '42')))).toBe(true);
    const after = proxy.seen.filter(({ operation }) => operation !== 'ListObjectsV2');
    expect(after.map(({ operation }) => operation)).toEqual(after.map(() => 'GetObject'));
    expect(after.length).toBeLessThanOrEqual(4);
  });
});
