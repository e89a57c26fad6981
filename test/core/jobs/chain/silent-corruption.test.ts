/** Content that changes without anything else about a file changing, made by writing to the device below. */

import { linkSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entryFlags } from '../../../../src/core/archive/entry.ts';
import type { LabOptions } from '../../../support/backup.ts';
import { type MountedFilesystem, mountFilesystem } from '../../../support/filesystems.ts';
import { corruptSilently } from '../../../support/silent-corruption.ts';
import { type ChainLab, openChainLab } from './chain-lab.ts';

let disk: MountedFilesystem;
beforeAll(() => {
  disk = mountFilesystem('ext4', { mebibytes: 256 });
});
afterAll(() => disk.unmount());

const open = (options: LabOptions): Promise<ChainLab> => openChainLab(options, disk.path);

/** A lab with a full of the files, each of one block. */
async function withFull(options: LabOptions, ...files: readonly string[]): Promise<ChainLab> {
  const chain = await open(options);
  for (const file of files) chain.write(file, `content of ${file}\n`.repeat(50));
  await chain.full();
  return chain;
}

/** Corrupts a file and makes sure that only its content differs. */
function corrupt({ at }: ChainLab, file: string): void {
  const state = () => {
    const { ctimeNs, mtimeNs, size, ino } = statSync(at(file), { bigint: true });
    return [ctimeNs, mtimeNs, size, ino];
  };
  const before = state();
  corruptSilently(at(file), 'damaged');
  expect(state()).toEqual(before);
  expect(readFileSync(at(file), 'utf8')).toMatch(/^damaged/);
}

describe('a silent change of content', () => {
  it('is found where every file is read again, told by its path, and stored anew', async () => {
    await using chain = await withFull({ chain: { rereadEvery: 1 } }, 'a', 'dir/b', 'dir/c');
    corrupt(chain, 'dir/b');

    const { body } = await chain.incremental();

    expect(body.warnings).toMatchObject([{ code: 'silent-change', component: 'shadow', path: 'dir/b' }]);
    await chain.expectRestorable();
  });

  it('is found by --checksum, whatever share is read otherwise', async () => {
    await using chain = await withFull({ chain: { rereadEvery: 100_000 } }, 'a', 'b');
    corrupt(chain, 'b');

    expect((await chain.incremental()).body.warnings).toEqual([]);
    expect((await chain.incremental({ checksum: true })).body.warnings).toMatchObject([
      { code: 'silent-change', path: 'b' },
    ]);
    await chain.expectRestorable();
  });

  it('of every file is found within as many runs as the share has parts', async () => {
    const files = Array.from({ length: 12 }, (_, i) => `directory-${i % 3}/${i}`);
    await using chain = await withFull({ chain: { rereadEvery: 4 } }, ...files);
    for (const file of files) corrupt(chain, file);

    const found: string[] = [];
    for (let i = 0; i < 4; i++) {
      for (const { path } of (await chain.incremental()).body.warnings) found.push(path!);
    }

    expect(found.sort()).toEqual([...files].sort());
    await chain.expectRestorable();
  });

  it('is found in a file with several names, once', async () => {
    await using chain = await open({ chain: { rereadEvery: 1 } });
    chain.write('linked', 'many names\n'.repeat(50));
    for (const name of ['other', 'third']) linkSync(chain.at('linked'), chain.at(name));
    await chain.full();
    corrupt(chain, 'other');

    const { body } = await chain.incremental();

    expect(body.warnings).toMatchObject([{ code: 'silent-change', path: 'linked' }]);
    await chain.expectRestorable();
    expect((await chain.incremental()).body.warnings).toEqual([]);
  });

  it('of a large file is found as well', async () => {
    await using chain = await open({ chain: { rereadEvery: 1 } });
    chain.write('large', Buffer.alloc(3_000_000, 'large '));
    await chain.full();
    corrupt(chain, 'large');

    expect((await chain.incremental()).body.warningCounts).toEqual({ 'silent-change': 1 });
    await chain.expectRestorable();
  });
});

describe('a file that had changed a moment before it was captured', () => {
  it('is read again by the next run, although nothing about it seems to have changed', async () => {
    await using chain = await withFull({ now: Date.now }, 'fresh');
    corrupt(chain, 'fresh');

    const snapshot = await chain.incremental();

    // No warning: another change in the same instant is nothing unusual.
    expect(snapshot.body.warnings).toEqual([]);
    await chain.expectRestorable();
  });

  it('is marked, and not any more once it has been read later', async () => {
    let aheadMs = 0;
    await using chain = await open({ now: () => Date.now() + aheadMs });
    chain.write('fresh', 'x');
    const flags = async (snapshot: Parameters<ChainLab['entry']>[0]) =>
      (await chain.entry(snapshot, 'fresh'))?.flags;

    expect(await flags(await chain.full())).toBe(entryFlags.racy);
    aheadMs = 60_000;
    expect(await flags(await chain.incremental())).toBe(0);
  });
});
