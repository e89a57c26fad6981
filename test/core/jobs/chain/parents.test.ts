/** Which snapshot an incremental refers to where the nearest is partial, damaged or gone. */

import { hash, randomBytes } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { segmentKey } from '../../../../src/core/archive/keys.ts';
import { objectKinds } from '../../../../src/core/archive/root.ts';
import { errorCodes, HoldfastError } from '../../../../src/core/errors.ts';
import { segmentRecord } from '../../../../src/core/jobs/backup/journal-file.ts';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { ahead, openLab } from '../../../support/backup.ts';
import { mountFilesystem } from '../../../support/filesystems.ts';
import { hookedStore } from '../../../support/hooked-store.ts';
import { type ChainLab, newTarBytes, openChainLab, wrote } from './chain-lab.ts';

interface TwoTrees extends AsyncDisposable {
  readonly chain: ChainLab;
  readonly info: string;
  run(level: 'full' | 'incremental' | 'differential'): Promise<Snapshot>;
}

async function twoTrees(): Promise<TwoTrees> {
  const chain = await openChainLab();
  const info = join(chain.directory, 'info');
  mkdirSync(info);
  chain.write('a', 'content of a');
  writeFileSync(join(info, 'users'), 'content of users');
  return {
    chain,
    info,
    run: async (level) => (await chain.lab.backUp({ shadow: chain.tree, info }, { level })).snapshot,
    [Symbol.asyncDispose]: () => chain[Symbol.asyncDispose](),
  };
}

/** In the middle of the file, where nothing else is said. */
function flipByte(path: string, at?: number): void {
  const bytes = readFileSync(path);
  bytes[at ?? bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
}

const pathOf = ({ lab }: ChainLab, key: string): string => join(lab.storePath, key);

describe('an incremental after a partial snapshot', () => {
  it('refers to the one before, which has what the partial one lacks', async () => {
    await using trees = await twoTrees();
    const full = await trees.run('full');
    renameSync(trees.info, `${trees.info}-away`);
    const partial = await trees.run('incremental');
    renameSync(`${trees.info}-away`, trees.info);
    const next = await trees.run('incremental');

    expect(partial.header).toMatchObject({ state: 'partial', parents: [full.header.id] });
    expect(next.header).toMatchObject({ level: 'incremental', state: 'complete', parents: [full.header.id] });
    expect(wrote(next)).toBe('index 1');
    expect(next.body.warnings).toEqual([]);
  });

  it('refers to its complete components where there is no other', async () => {
    await using trees = await twoTrees();
    renameSync(trees.info, `${trees.info}-away`);
    const partial = await trees.run('full');
    renameSync(`${trees.info}-away`, trees.info);
    const next = await trees.run('incremental');

    expect(next.header).toMatchObject({
      level: 'incremental',
      state: 'complete',
      parents: [partial.header.id],
    });
    expect(wrote(next)).toBe('index 1, segment 1');
    expect(next.header.references.length).toBeGreaterThan(0);
    expect((await trees.chain.lab.verify(true)).exitStatus).toBe(0);
  });

  it('does without a tree that fails again, and stores a tree that is new', async () => {
    await using trees = await twoTrees();
    await trees.run('full');
    rmSync(trees.info, { recursive: true });
    await trees.run('incremental');
    const again = await trees.run('incremental');
    expect(again.header.state).toBe('partial');
    mkdirSync(trees.info);
    writeFileSync(join(trees.info, 'users'), 'other content of users');
    const next = await trees.run('incremental');

    expect(next.header.state).toBe('complete');
    expect(wrote(next)).toBe('index 1, segment 1');
    expect((await trees.chain.lab.verify(true)).exitStatus).toBe(0);
  });
});

describe('an incremental becomes a full, and says why', () => {
  it.each<[string, (chain: ChainLab, parent: Snapshot) => void]>([
    [
      'where the index of the parent is damaged',
      (chain, parent) => {
        flipByte(indexOf(chain, parent));
        rmSync(join(chain.lab.stateDir, 'parents'), { recursive: true }); // or nobody would read it
      },
    ],
    [
      'where a page of it is damaged',
      (chain, parent) => {
        // Encrypted, it is a chunk that is damaged, and the file begins with what nobody reads.
        flipByte(indexOf(chain, parent), process.env['LAB_ENCRYPTED'] === '1' ? undefined : 10);
        rmSync(join(chain.lab.stateDir, 'parents'), { recursive: true });
      },
    ],
    ['where it is cut short', (chain, parent) => writeFileSync(indexOf(chain, parent), 'short')],
    ['where it is gone', (chain, parent) => rmSync(indexOf(chain, parent))],
    ['where a segment is gone', (chain, parent) => rmSync(segmentOf(chain, parent))],
    ['where a segment is cut short', (chain, parent) => writeFileSync(segmentOf(chain, parent), 'short')],
  ])('%s', async (_, damage) => {
    await using chain = await openChainLab();
    chain.write('a', 'content');
    const first = await chain.full();
    damage(chain, first);
    const second = await chain.incremental();

    expect(second.header).toMatchObject({ level: 'full', parents: [], references: [] });
    expect(second.body.warnings).toMatchObject([
      { code: 'no-usable-parent', component: 'account', message: expect.stringContaining(first.header.id) },
    ]);
    await chain.expectRestorable();
    expect((await chain.incremental()).header).toMatchObject({
      level: 'incremental',
      parents: [second.header.id],
    });
  });

  it('where what the parent refers to itself is gone', async () => {
    await using chain = await openChainLab();
    chain.write('a', 'content');
    const first = await chain.full();
    const second = await chain.incremental();
    rmSync(segmentOf(chain, first));
    const third = await chain.incremental();

    expect(third.header).toMatchObject({ level: 'full', parents: [] });
    expect(third.body.warnings).toMatchObject([
      { code: 'no-usable-parent', message: expect.stringContaining(second.header.id) },
    ]);
    await chain.expectRestorable();
  });

  it('where there is nothing to refer to', async () => {
    await using chain = await openChainLab();
    chain.write('a', 'content');
    const { header, body } = await chain.incremental();

    expect(header.level).toBe('full');
    expect(body.warnings).toEqual([]);
  });
});

/** Targets that do not compress make a large index with few entries. */
function largeIndex(chain: ChainLab): void {
  for (let i = 0; i < 200; i++) symlinkSync(randomBytes(2000).toString('hex'), chain.at(`${i}`));
}

const indexOf = (chain: ChainLab, { header }: Snapshot): string =>
  pathOf(chain, header.objects.find(({ kind }) => kind === 'index')!.key);
const segmentOf = (chain: ChainLab, { header }: Snapshot): string =>
  pathOf(chain, header.objects.find(({ kind }) => kind === 'segment')!.key);

describe('a manifest that is damaged or gone', () => {
  it.each<[string, (path: string) => void]>([
    ['damaged', (path) => flipByte(path)],
    ['gone', (path) => rmSync(path)],
  ])('%s: the snapshot before it is the parent', async (_, damage) => {
    await using chain = await openChainLab();
    chain.write('a', 'content');
    const first = await chain.full();
    chain.write('b', 'more');
    const second = await chain.incremental();
    damage(pathOf(chain, second.key));
    const third = await chain.incremental();

    expect(third.header).toMatchObject({ level: 'incremental', parents: [first.header.id], sequence: 3 });
    rmSync(pathOf(chain, second.key), { force: true });
    await chain.expectRestorable(third);
  });

  it('above a whole revision: that one is the parent, with a warning', async () => {
    await using chain = await openChainLab();
    chain.write('a', 'content');
    const first = await chain.full();
    const above = first.key.replace(/\.manifest$/, '-r1.manifest');
    writeFileSync(pathOf(chain, above), 'no manifest');
    const second = await chain.incremental();

    expect(second.header).toMatchObject({ level: 'incremental', parents: [first.header.id] });
    expect(second.body.warnings).toMatchObject([{ code: 'revision-passed-over', component: 'account' }]);
    expect(wrote(second)).toBe('index 1');
    rmSync(pathOf(chain, above));
    await chain.expectRestorable(second);
  });
});

describe('the state', () => {
  it('is not needed: without it the chain goes on', async () => {
    await using chain = await openChainLab();
    chain.write('a', 'content');
    const first = await chain.full();
    rmSync(join(chain.lab.stateDir, 'lineages'), { recursive: true });
    const second = await chain.incremental();

    expect(second.header).toMatchObject({ parents: [first.header.id], sequence: 2 });
    expect(second.header.previous).toBe(first.header.digest);
  });

  it('holds no pages of parents after a run, and those of killed ones go', async () => {
    await using chain = await openChainLab();
    chain.write('a', 'content');
    await chain.full();
    const stray = join(chain.lab.stateDir, 'tmp', `${2 ** 22 + 1}-${'a'.repeat(32)}.pages`);
    mkdirSync(join(chain.lab.stateDir, 'tmp'), { recursive: true });
    writeFileSync(stray, '');
    await chain.incremental();

    expect(readdirSync(join(chain.lab.stateDir, 'tmp'))).toEqual([]);
    expect(statSync(join(chain.lab.stateDir, 'tmp')).mode & 0o777).toBe(0o700);
  });

  it('holds none either where the store does not say what an interrupted run left', async () => {
    await using chain = await openChainLab({ encrypted: false });
    largeIndex(chain);
    const { header } = await chain.full();
    const { stateDir, addin } = chain.lab;
    // Or its pages would be read where they lie.
    rmSync(join(stateDir, 'parents'), { recursive: true });
    const spooled = join(stateDir, 'tmp');
    const objectId = 'a'.repeat(32);
    const key = segmentKey(header.server, header.owner, objectId, 9);
    const left = { number: 9, key, kind: objectKinds.segment, storedBytes: 1, frames: [] };
    mkdirSync(join(stateDir, 'journals', addin.id), { recursive: true });
    writeFileSync(
      join(stateDir, 'journals', addin.id, `${header.owner}-${objectId}.journal`),
      Buffer.concat(segmentRecord({ ...left, sha256: Buffer.alloc(32) })),
    );
    let seen: string[] = [];
    const beforeHead = (asked: string): void => {
      if (asked !== key) return;
      seen = readdirSync(spooled);
      throw new HoldfastError('STORE_UNAVAILABLE', 'no answer');
    };
    const store = hookedStore(chain.lab.store, { beforeHead });
    const lab = await openLab(chain.directory, { chain: {}, store, encrypted: false });
    const run = lab.backUp({ shadow: chain.tree }, { level: 'incremental' });

    await expect(run).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(seen.length).toBe(1);
    expect(readdirSync(spooled)).toEqual([]);
  });
});

describe('a state that cannot be written', () => {
  it('keeps no incremental from comparing with a large index', async () => {
    await using chain = await openChainLab();
    mkdirSync(chain.at('many'));
    // Names that do not compress make it large with few files.
    for (let i = 0; i < 2500; i++)
      writeFileSync(chain.at(`many/${hash('sha512', `${i}`)}${hash('sha384', `${i}`)}`), `${i}`);
    const { header } = await chain.full();
    expect(header.objects.find(({ kind }) => kind === 'index')?.size).toBeGreaterThan(300_000);
    const disk = mountFilesystem('tmpfs', { mebibytes: 1 });
    try {
      writeFileSync(join(disk.path, 'other'), Buffer.alloc(800 * 1024));
      rmSync(join(chain.lab.stateDir, 'tmp'), { recursive: true, force: true });
      symlinkSync(disk.path, join(chain.lab.stateDir, 'tmp'));
      chain.write('new', 'x');
      const next = await chain.incremental();
      expect(next.header).toMatchObject({ level: 'incremental', state: 'complete' });
      expect(newTarBytes(next)).toBeLessThan(100_000);
      expect(readdirSync(disk.path)).toEqual(['other']);
      expect((await chain.lab.verify(true)).exitStatus).toBe(0);
    } finally {
      disk.unmount();
    }
  });

  it('costs a warning once the snapshot is there, and the next one goes on from it', async () => {
    await using chain = await openChainLab();
    chain.write('a', 'content');
    await chain.full();
    const lineages = join(chain.lab.stateDir, 'lineages');
    const afterPut = (key: string): void => {
      if (!key.startsWith('manifests/')) return;
      rmSync(lineages, { recursive: true, force: true });
      writeFileSync(lineages, 'no directory');
    };
    const store = hookedStore(chain.lab.store, { afterPut });
    const lab = await openLab(chain.directory, { chain: { rereadEvery: 100_000 }, store });
    const { snapshot, exitStatus } = await lab.backUp({ shadow: chain.tree }, { level: 'incremental' });
    expect(exitStatus).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(snapshot.body.warningCounts).toEqual({ 'state-not-written': 1 });

    rmSync(lineages);
    const next = await chain.incremental();
    expect(next.header).toMatchObject({ sequence: 3, parents: [snapshot.header.id] });
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
  });
});

describe('a large index', () => {
  /** Indexes that the store was asked for bytes of, beside their roots, and pages that were put into a file. */
  async function watched(chain: ChainLab): Promise<{ next: Snapshot; asked: string[]; spooled: string[] }> {
    const asked: string[] = [];
    const spooled: string[] = [];
    const store = hookedStore(chain.lab.store, {
      beforeGet: (key) => void (key.startsWith('index/') && asked.push(key)),
      // The first segment is put while the pages are in use.
      beforePut: () => {
        const tmp = join(chain.lab.stateDir, 'tmp');
        if (existsSync(tmp)) spooled.push(...readdirSync(tmp));
      },
    });
    const lab = await openLab(chain.directory, {
      chain: { rereadEvery: 100_000 },
      store,
      encrypted: false,
      now: ahead,
    });
    const { snapshot } = await lab.backUp({ shadow: chain.tree }, { level: 'incremental' });
    return { next: snapshot, asked, spooled };
  }

  const cached = (chain: ChainLab): string[] =>
    globSync('parents/**/*.idx', { cwd: chain.lab.stateDir }).map((path) => join(chain.lab.stateDir, path));

  it('is compared where it lies in the state, and what is altered there comes from the store', async () => {
    await using chain = await openChainLab({ encrypted: false });
    largeIndex(chain);
    const first = await chain.full();
    chain.write('b', 'more');
    const second = await watched(chain);

    expect(second).toMatchObject({ asked: [], spooled: [] });
    expect(second.next.header.parents).toEqual([first.header.id]);
    // Pages of the full, which are referred to still, and one of the second.
    expect(cached(chain).length).toBe(2);
    const old = cached(chain).find((path) => path.includes(first.header.objectId))!;
    flipByte(old, 100_000);
    chain.write('c', 'most');
    const third = await watched(chain);

    expect(third.asked).toEqual([first.header.objects.find(({ kind }) => kind === 'index')!.key]);
    expect(third.next.header.parents).toEqual([second.next.header.id]);
    expect(third.next.body.warnings).toEqual([]);
    await chain.expectRestorable(third.next);
  });

  it('whose pages are few is checked all the same where it has to come from the store', async () => {
    await using chain = await openChainLab({ encrypted: false });
    // All in one piece of what is fetched, in several of what is checked in the state.
    for (let i = 0; i < 100; i++) symlinkSync(randomBytes(2000).toString('hex'), chain.at(`${i}`));
    const full = await chain.full();
    flipByte(cached(chain)[0]!, 10);
    flipByte(indexOf(chain, full), 150_000);
    const next = await chain.incremental();

    expect(next.header.level).toBe('full');
    expect(next.body.warnings).toMatchObject([{ code: 'no-usable-parent' }]);
    await chain.expectRestorable(next);
  });

  it('is put into a file where the state has nothing of it', async () => {
    await using chain = await openChainLab({ encrypted: false });
    largeIndex(chain);
    await chain.full();
    rmSync(join(chain.lab.stateDir, 'parents'), { recursive: true });
    chain.write('b', 'more');
    const { next, spooled } = await watched(chain);

    expect(new Set(spooled).size).toBe(1);
    expect(readdirSync(join(chain.lab.stateDir, 'tmp'))).toEqual([]);
    await chain.expectRestorable(next);
  });
});
