/** What is lost after an earlier loss was marked: both are said, and what comes back is said no more. */

import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { localStore } from '../../../../src/addins/local/index.ts';
import { s3TarProvider } from '../../../../src/addins/s3-tar/index.ts';
import type { ManifestBody } from '../../../../src/core/archive/manifest.ts';
import { errorCodes } from '../../../../src/core/errors.ts';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { cannedEngine, cannedSelector } from '../../../support/canned-engine.ts';
import { copyIn, runCopy } from '../../../support/copies.ts';
import { compactLab, repairLab } from '../../../support/upkeep.ts';
import { type ChainLab, openChainLab } from '../chain/chain-lab.ts';

let chain: ChainLab;

beforeEach(async () => {
  chain = await openChainLab({ pageBytes: 1000, threads: 1 }, '/dev/shm');
});
afterEach(() => chain[Symbol.asyncDispose]());

const objectOf = ({ header }: Snapshot, wanted: string): string =>
  join(chain.lab.storePath, header.objects.find(({ kind }) => kind === wanted)!.key);

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at]! ^= 1;
  writeFileSync(file, bytes);
}

async function opened(path: string) {
  const store = await localStore.open({ use: 'local', path });
  return { store, provider: await s3TarProvider.open({ store, settings: { use: 's3-tar' } }) };
}

/** Of the newest snapshot. */
const lost = async (): Promise<ManifestBody['lost']> => (await chain.lab.latest()).body.lost;
const all = (...paths: string[]) => ({ count: paths.length, paths: paths.map((one) => `shadow/${one}`) });

describe('a second loss', () => {
  it('is marked beside the first, and taken back alone where it alone is there again', async () => {
    chain.write('a', randomBytes(5000));
    const first = objectOf(await chain.full(), 'segment');
    chain.write('b', randomBytes(5000));
    rmSync(objectOf(await chain.incremental(), 'segment'));
    await repairLab(chain.lab);
    expect(await lost()).toEqual(all('b'));

    const kept = readFileSync(first);
    rmSync(first);
    expect((await repairLab(chain.lab, { readData: false })).snapshots).toHaveLength(2);
    expect(await lost()).toEqual(all('a', 'b'));
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
    expect(await repairLab(chain.lab)).toMatchObject({ snapshots: [], newestLost: 1, exitStatus: 0 });

    writeFileSync(first, kept);
    await repairLab(chain.lab, { readData: false });
    expect(await lost()).toEqual(all('b'));
    const { failures } = await chain.lab.restore(join(chain.directory, 'ours'));
    expect(failures.map(({ path }) => path)).toEqual(['shadow/b']);
    await chain.full();
    expect((await repairLab(chain.lab)).newestLost).toBe(0);
  });

  it('of the manifest from before the first is named, and comes from a copy', async () => {
    chain.write('a', randomBytes(5000));
    const full = await chain.full();
    const copy = join(chain.directory, 'copy');
    await runCopy(chain.lab, copyIn(copy));
    rmSync(objectOf(full, 'segment'));
    await repairLab(chain.lab);
    const manifest = join(chain.lab.storePath, full.key);
    flip(manifest, readFileSync(manifest).length >> 1);
    expect(await repairLab(chain.lab)).toMatchObject({
      objects: [{ key: full.key, mended: false, problem: expect.stringContaining('a later revision') }],
      exitStatus: errorCodes.OBJECT_DAMAGED.exit,
    });
    const { store, provider } = await opened(copy);
    const copies = [{ name: 'offsite', store, provider }];
    await repairLab(chain.lab, { copies });
    expect(await repairLab(chain.lab, { copies })).toMatchObject({ objects: [], exitStatus: 0 });
  });

  it('leaves marked what lies in a segment that this run does not read', async () => {
    chain.write('a', randomBytes(5000));
    const full = await chain.full();
    chain.write('b', randomBytes(5000));
    const next = await chain.incremental();
    flip(objectOf(next, 'segment'), 2000);
    await repairLab(chain.lab);
    rmSync(objectOf(full, 'segment'));
    await repairLab(chain.lab, { readData: false });
    expect(await lost()).toEqual(all('a', 'b'));
    // Everything that was marked is gone altogether: no problem of the next verify.
    rmSync(objectOf(next, 'segment'));
    await repairLab(chain.lab, { readData: false });
    expect((await chain.lab.verify(false)).exitStatus).toBe(0);
  });

  // Encrypted, many pages lie in one chunk.
  it.runIf(process.env['LAB_ENCRYPTED'] !== '1').for(['earlier revision', 'index of the earlier revision'])(
    'is counted with the pages that the index is without, also where the %s is gone',
    async (which) => {
      chain.write('x/a', randomBytes(5000));
      const full = await chain.full();
      for (let i = 0; i < 60; i++) chain.write(`d${i % 6}/f${i}`, randomBytes(300));
      const next = await chain.incremental();
      flip(objectOf(next, 'index'), 900);
      const [marked] = (await repairLab(chain.lab)).snapshots;
      expect(marked!.pages).toMatchObject([{ count: marked!.lostPaths, from: marked!.paths[0] }]);

      rmSync(objectOf(full, 'segment'));
      if (which === 'earlier revision') rmSync(join(chain.lab.storePath, next.key));
      else flip(objectOf(next, 'index'), next.body.index!.offset + 20);
      await repairLab(chain.lab);
      expect(await lost()).toEqual({
        count: marked!.lostPaths + 1,
        paths: expect.arrayContaining([...marked!.paths, 'shadow/x/a']),
      });
      expect((await repairLab(chain.lab)).snapshots).toEqual([]);
    },
  );

  /** Each thread begins with a tree, and has a segment of its own; the one that `last` names has the directories. */
  async function fullOfTwo(): Promise<{ full: Snapshot; first: string; last: string }> {
    await chain[Symbol.asyncDispose]();
    chain = await openChainLab({ threads: 2 }, '/dev/shm');
    const trees = { shadow: chain.at('one'), info: chain.at('two') };
    for (const name of ['one', 'two']) {
      chain.write(`${name}/file`, randomBytes(5000));
      mkdirSync(chain.at(`${name}/empty`));
      symlinkSync('file', chain.at(`${name}/link`));
    }
    const { snapshot: full } = await chain.lab.backUp(trees, { level: 'full' });
    const segments = full.header.objects.flatMap(({ kind, key }) => (kind === 'segment' ? [key] : [])).sort();
    expect(segments).toHaveLength(2);
    const [first, last] = segments.map((key) => join(chain.lab.storePath, key));
    return { full, first: first!, last: last! };
  }

  it('of the index of a full is counted with what a segment held alone, whose names nobody knows', async () => {
    const { full, first } = await fullOfTwo();
    rmSync(first);
    await repairLab(chain.lab);
    const before = await lost();
    expect(before).toMatchObject({ count: 1, paths: [expect.stringMatching(/^(?:shadow|info)\/file$/)] });
    const [tree] = before!.paths[0]!.split('/');

    rmSync(objectOf(full, 'index'));
    // The symbolic link went with the file.
    const again = { rebuilt: true, components: [tree], lostPaths: 2, paths: before!.paths, unnamed: 1 };
    expect((await repairLab(chain.lab, { apply: false })).snapshots).toMatchObject([
      { ...again, published: false },
    ]);
    expect((await repairLab(chain.lab)).snapshots).toMatchObject([{ ...again, published: true }]);
    expect(await lost()).toEqual({ count: 2, paths: before!.paths });
    expect((await chain.lab.latest()).header).toMatchObject({ revision: 2, lost: true, state: 'partial' });
    expect((await chain.lab.verify(true)).snapshots).toMatchObject([{ lost: 2, problems: [] }]);
    expect((await repairLab(chain.lab)).snapshots).toEqual([]);
  });

  it('of the index together with a segment leaves what is in the other one, and a third adds to it', async () => {
    const { full, first, last } = await fullOfTwo();
    const manifest = join(chain.lab.storePath, full.key);
    for (const gone of [objectOf(full, 'index'), last]) rmSync(gone);
    // All directories, and one tree but for them.
    const again = { rebuilt: true, components: ['shadow', 'info'], lostPaths: 6, paths: [], unnamed: 6 };
    expect((await repairLab(chain.lab, { apply: false })).snapshots).toMatchObject([again]);
    expect(await repairLab(chain.lab)).toMatchObject({ snapshots: [again], newestLost: 1 });
    const { body } = await chain.lab.latest();
    expect(body.components.map(({ state }) => state)).toEqual(['failed', 'failed']);
    expect((await chain.lab.verify(true)).snapshots).toMatchObject([{ lost: 6, problems: [] }]);
    const ours = join(chain.directory, 'ours');
    expect((await chain.lab.restore(ours)).failures).toEqual([]);
    const restored = ['shadow', 'info'].filter((tree) => existsSync(join(ours, tree)));
    expect(restored.map((tree) => readdirSync(join(ours, tree)))).toEqual([['file', 'link']]);
    const { problems } = await chain.lab.rescue(
      'restore',
      full.name,
      '--to',
      join(chain.directory, 'theirs'),
    );
    expect(problems).toEqual(
      expect.arrayContaining([expect.stringContaining('6 paths of the account are lost')]),
    );
    expect((await repairLab(chain.lab)).snapshots).toEqual([]);

    rmSync(manifest);
    expect((await repairLab(chain.lab)).snapshots).toEqual([]);
    rmSync(first);
    await repairLab(chain.lab);
    expect(await lost()).toEqual({ count: 7, paths: [expect.stringMatching(/\/file$/)] });
  });

  it('inside a segment is found and mended before an index is made again of it, without being asked for', async () => {
    chain.write('a', randomBytes(5000));
    const full = await chain.full();
    const copy = join(chain.directory, 'copy');
    await runCopy(chain.lab, copyIn(copy));
    const index = objectOf(full, 'index');
    for (const path of [index, index.replace(chain.lab.storePath, copy)]) rmSync(path);
    flip(objectOf(full, 'segment'), 2000);
    const { store, provider } = await opened(copy);
    const asked = { readData: false, copies: [{ name: 'offsite', store, provider }] };
    expect((await repairLab(chain.lab, { ...asked, apply: false })).snapshots).toMatchObject([
      { rebuilt: true },
    ]);
    const { objects, snapshots } = await repairLab(chain.lab, asked);
    expect(objects).toMatchObject([{ mended: false }, { mended: true, copy: 'offsite' }]);
    expect(snapshots).toMatchObject([{ rebuilt: true, lostPaths: 0, published: true }]);
    await chain.expectRestorable();
  });

  it('of an export leaves said that the index is lost', async () => {
    const dumps = { one: randomBytes(40_000).toString('hex') };
    const more = () => ({ engines: [cannedEngine(dumps)], databases: [cannedSelector] });
    chain.write('a', randomBytes(500));
    await chain.full(more());
    chain.write('b', randomBytes(500));
    dumps.one += 'x';
    const next = await chain.incremental(more());
    rmSync(objectOf(next, 'index'));
    await repairLab(chain.lab);
    const { entries } = next.body.counts;
    expect(await lost()).toEqual({ count: entries, paths: [] });
    rmSync(objectOf(next, 'export'));
    const { snapshots } = await repairLab(chain.lab);
    expect(snapshots).toMatchObject([{ components: ['shadow', 'canned/one'], lostPaths: entries }]);
    expect(await lost()).toEqual({ count: entries, paths: [] });
  });

  it('after a compaction is marked beside the first, and what was moved stays', async () => {
    for (let i = 0; i < 8; i++) chain.write(`x/${i}`, randomBytes(20_000));
    const full = await chain.full();
    chain.write('b', randomBytes(5000));
    const next = await chain.incremental();
    for (let i = 0; i < 7; i++) chain.write(`x/${i}`, randomBytes(10));
    await chain.incremental();
    for (const gone of [full, next]) rmSync(join(chain.lab.storePath, gone.key));
    rmSync(objectOf(next, 'segment'));
    await repairLab(chain.lab);
    expect(await lost()).toEqual(all('b'));

    expect((await compactLab(chain.lab, { threshold: 1 })).accounts).toMatchObject([{ problem: null }]);
    rmSync(objectOf(full, 'segment'));
    expect((await repairLab(chain.lab)).snapshots).toEqual([]);
    const moved = await chain.lab.latest();
    expect(moved.header.revision).toBe(2);
    expect((await chain.lab.verify(true)).snapshots).toMatchObject([{ lost: 1, problems: [] }]);
    const added = moved.header.references.find(
      ({ kind, key }) => kind === 'segment' && !key.includes(full.header.objectId),
    );
    rmSync(join(chain.lab.storePath, added!.key));
    await repairLab(chain.lab);
    expect(await lost()).toEqual(all('b', 'x/7'));
  });
});
