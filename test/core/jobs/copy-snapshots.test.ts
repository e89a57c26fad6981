import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HoldfastError } from '../../../src/core/index.ts';
import { listSnapshots } from '../../../src/core/jobs/catalog.ts';
import { statusWithCopies } from '../../../src/core/jobs/copy/report.ts';
import { findSnapshot } from '../../../src/core/jobs/find-snapshot.ts';
import { restore } from '../../../src/core/jobs/restore/restore.ts';
import { verify } from '../../../src/core/jobs/verify.ts';
import { type Lab, openLab, runRescue } from '../../support/backup.ts';
import { compareTrees } from '../../support/compare-trees.ts';
import { copyIn, objectsIn, runCopies, runCopy } from '../../support/copies.ts';
import { buildFixtureTree } from '../../support/fixture-tree.ts';

const { signal } = new AbortController();
let dir: string;
let tree: string;
let small: string;
let lab: Lab;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-copies-'));
  tree = join(dir, 'tree');
  await buildFixtureTree(tree, { files: 50 });
  small = join(dir, 'small');
  mkdirSync(small);
  writeFileSync(join(small, 'note'), 'small');
  lab = await openLab(dir);
  await lab.backUp({ shadow: tree });
  writeFileSync(join(tree, 'later'), 'written after the first snapshot');
  await lab.backUp({ shadow: tree });
});
afterAll(async () => {
  await lab.close();
  rmSync(dir, { recursive: true, force: true });
});

const storeFile = (path: string): { store: string; origins: string[] } =>
  JSON.parse(readFileSync(join(path, 'holdfast.json'), 'utf8'));
const fresh = (name: string): string => join(dir, 'copies', name);

describe('copySnapshots', () => {
  it('makes a store of its own in which every object equals the source', async () => {
    const path = fresh('equal');

    const report = await runCopy(lab, copyIn(path, 'equal'));

    expect(report).toMatchObject({ name: 'equal', copied: 2, lacking: 0, failures: [], error: null });
    expect(objectsIn(path)).toEqual(objectsIn(lab.storePath));
    expect(report.objects).toBe(objectsIn(path).size);
    expect(storeFile(path).origins).toEqual([storeFile(lab.storePath).store]);
    expect(storeFile(path).store).not.toBe(storeFile(lab.storePath).store);
    expect(lab.state.storeId('nightly/equal')).toBe(storeFile(path).store);
    expect(readFileSync(join(path, 'rescue.py'))).toEqual(readFileSync(join(lab.storePath, 'rescue.py')));
    expect(readFileSync(join(path, 'RESTORE.md'))).toEqual(readFileSync(join(lab.storePath, 'RESTORE.md')));
  });

  it('sends nothing again, and only what is missing', async () => {
    const path = fresh('again');
    await runCopy(lab, copyIn(path, 'again'));
    const [manifest] = [...objectsIn(path).keys()].filter((key) => key.startsWith('manifests/'));
    const size = objectsIn(path).get(manifest!)!.size;

    expect(await runCopy(lab, copyIn(path, 'again'))).toMatchObject({ copied: 0, objects: 0, bytes: 0 });
    rmSync(join(path, manifest!));

    expect(await runCopy(lab, copyIn(path, 'again'))).toMatchObject({ copied: 1, objects: 1, bytes: size });
    expect(objectsIn(path)).toEqual(objectsIn(lab.storePath));
  });

  it('keeps what the source has no more', async () => {
    const other = await openLab(join(dir, 'pruned'));
    try {
      const path = fresh('pruned');
      await other.backUp({ info: small });
      await runCopy(other, copyIn(path));
      const before = objectsIn(path);
      for (const top of ['data', 'index', 'manifests'])
        rmSync(join(other.storePath, top), { recursive: true });

      expect(await runCopy(other, copyIn(path))).toMatchObject({ copied: 0, lacking: 0, error: null });
      expect(objectsIn(path)).toEqual(before);
    } finally {
      await other.close();
    }
  });

  it('leaves out snapshots of other addin configurations, and reads each of them once', async () => {
    const path = fresh('others');
    const addin = { ...lab.addin, id: 'b'.repeat(32), name: 'weekly' };
    let reads = 0;
    const get: typeof lab.provider.get = (request) => {
      reads += 1;
      return lab.provider.get(request);
    };
    const counting = {
      ...lab,
      addin: { ...addin, provider: { ...lab.provider, get } as typeof lab.provider },
    };

    expect(await runCopy(counting, copyIn(path))).toMatchObject({ copied: 0, lacking: 0, error: null });
    expect(objectsIn(path).size).toBe(0);
    expect(reads).toBe(2);
    await runCopy(counting, copyIn(path));
    expect(reads).toBe(2);
  });

  it('brings several copies up to date, one failing alone', async () => {
    const [near, far, broken] = [fresh('near'), fresh('far'), fresh('broken')];
    mkdirSync(broken, { recursive: true });
    writeFileSync(join(broken, 'holiday.jpg'), 'somebody else lives here');

    const reports = await runCopies(lab, [
      copyIn(near, 'near'),
      copyIn(broken, 'broken'),
      copyIn(far, 'far'),
    ]);

    expect(reports.map(({ name, copied, error }) => [name, copied, error?.code])).toEqual([
      ['near', 2, undefined],
      ['broken', 0, 'COPY_FAILED'],
      ['far', 2, undefined],
    ]);
    expect(objectsIn(near)).toEqual(objectsIn(lab.storePath));
    expect(objectsIn(far)).toEqual(objectsIn(lab.storePath));
    expect(readdirSync(broken)).toEqual(['holiday.jpg']);
  });

  it('names several origins in one copy', async () => {
    const other = await openLab(join(dir, 'second-origin'));
    try {
      const path = fresh('fleet');
      await other.backUp({ info: small });
      await runCopy(lab, copyIn(path, 'fleet'));
      await runCopy(other, copyIn(path, 'fleet'));

      const origins = [lab, other].map(({ storePath }) => storeFile(storePath).store);
      expect(storeFile(path).origins).toEqual(origins);
      expect(objectsIn(path).size).toBe(objectsIn(lab.storePath).size + objectsIn(other.storePath).size);
    } finally {
      await other.close();
    }
  });
});

describe('the store of a copy', () => {
  it.each([
    [
      'holds files of others',
      'not empty and not a store of Holdfast',
      (path: string) => {
        mkdirSync(path, { recursive: true });
        writeFileSync(join(path, 'index.html'), 'a web site');
      },
    ],
    [
      'is another one than before',
      'this server wrote to',
      async (path: string) => {
        await runCopy(lab, copyIn(path, 'foreign-b'));
        rmSync(path, { recursive: true });
        await runCopy(lab, copyIn(path, 'elsewhere'));
      },
    ],
    [
      'was emptied',
      'has lost its holdfast.json',
      async (path: string) => {
        await runCopy(lab, copyIn(path, 'foreign-c'));
        rmSync(path, { recursive: true });
      },
    ],
  ])('is refused where it %s', async (what, message, prepare) => {
    const path = fresh(what);
    const name = { h: 'foreign-a', i: 'foreign-b', w: 'foreign-c' }[what[0]!]!;
    await prepare(path);

    const { error, lacking } = await runCopy(lab, copyIn(path, name));

    expect(error).toMatchObject({ code: 'COPY_FAILED', cause: { code: 'STORE_FOREIGN' } });
    expect(error?.message).toContain(message);
    expect(lacking).toBeNull();
  });

  it('is refused where it is the main store itself', async () => {
    const before = readFileSync(join(lab.storePath, 'holdfast.json'));

    const { error } = await runCopy(lab, copyIn(lab.storePath, 'itself'));

    expect(error).toMatchObject({ code: 'COPY_FAILED', cause: { code: 'STORE_FOREIGN' } });
    expect(readFileSync(join(lab.storePath, 'holdfast.json'))).toEqual(before);
  });
});

describe('a copy whose source is gone', () => {
  it('restores everything, verifies, and is read by rescue.py', async () => {
    const path = fresh('survivor');
    await runCopy(lab, copyIn(path, 'survivor'));
    const hidden = `${lab.storePath}.gone`;
    renameSync(lab.storePath, hidden);
    try {
      const { store, provider } = await copyIn(path).open();
      const listed = await listSnapshots(store, {}, signal);
      const snapshot = await findSnapshot(provider, listed, 'latest', signal);
      const common = { provider, threads: 2, signal, onEvent: () => {} };
      const target = join(dir, 'restored');

      const restored = await restore({
        ...common,
        snapshot,
        target,
        paths: [],
        databases: [],
        everything: true,
        resume: false,
      });
      const verified = await verify({ ...common, store, snapshots: listed, readData: true });
      const rescued = await runRescue(path, ['restore', snapshot.name, '--to', join(dir, 'rescued')]);

      expect(restored.exitStatus).toBe(0);
      expect((await compareTrees(tree, join(target, 'shadow'))).differences).toEqual([]);
      expect(verified).toMatchObject({ exitStatus: 0, snapshots: [{ problems: [] }, { problems: [] }] });
      expect(rescued).toMatchObject({ status: 0, problems: [] });
      expect((await compareTrees(tree, join(dir, 'rescued/shadow'))).differences).toEqual([]);
      await store.close();
    } finally {
      renameSync(hidden, lab.storePath);
    }
  });
});

describe('statusWithCopies', () => {
  const report = (code: 'COPY_FAILED' | 'INTERRUPTED' | null) => ({
    name: 'offsite',
    copied: 0,
    objects: 0,
    bytes: 0,
    untrusted: 0,
    lacking: 1,
    deniedEvents: 0,
    failures: [],
    error: code === null ? null : new HoldfastError(code, 'no'),
  });

  it.each([
    [0, null, 0],
    [100, null, 100],
    [0, 'COPY_FAILED', 27],
    [100, 'COPY_FAILED', 27],
    [25, 'COPY_FAILED', 25],
    [50, 'COPY_FAILED', 50],
    [130, 'COPY_FAILED', 130],
    [0, 'INTERRUPTED', 130],
    [25, 'INTERRUPTED', 130],
  ] as const)('of backups that ended with %i and a copy with %s is %i', (status, code, expected) => {
    expect(statusWithCopies(status, [report(null), report(code)])).toBe(expected);
  });
});
