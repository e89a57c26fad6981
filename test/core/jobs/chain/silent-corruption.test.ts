/** Content that changes, or can no longer be read, without anything else about a file changing: made by writing to the device below. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entryFlags } from '../../../../src/core/archive/entry.ts';
import { afterWalk } from '../../../support/after-walk.ts';
import { type LabOptions, openLab } from '../../../support/backup.ts';
import { openBreakingDisk } from '../../../support/breaking-disk.ts';
import { type MountedFilesystem, mountFilesystem } from '../../../support/filesystems.ts';
import { corruptSilently } from '../../../support/silent-corruption.ts';
import { type ChainLab, newTarBytes, openChainLab } from './chain-lab.ts';

/** Writes to the same page twice, the second time once its input ends. */
const mappedWrites = `
import mmap, sys
with open(sys.argv[1], 'r+b') as file:
    mapped = mmap.mmap(file.fileno(), 0)
    mapped[0:5] = b'first'
    print('written')
    sys.stdin.read()
    mapped[0:5] = b'later'
`;

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

  it('is none where a file with several names is written openly between the walk and its second reading', async () => {
    await using chain = await openChainLab({ chain: { rereadEvery: 1 }, threads: 1 });
    chain.write('linked', 'one');
    linkSync(chain.at('linked'), chain.at('other'));
    await chain.full();
    afterWalk(chain.lab.pool, () => writeFileSync(chain.at('linked'), 'changed'));

    const { body } = await chain.incremental();

    expect(body.warnings).toMatchObject([{ code: 'changed', component: 'shadow', path: 'linked' }]);
    await chain.incremental();
    await chain.expectRestorable();
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

describe('space that was reserved and never written', () => {
  it('is no change of content once somebody has read it', async () => {
    await using chain = await open({ chain: { rereadEvery: 1 } });
    chain.write('sparse', '');
    truncateSync(chain.at('sparse'), 2 ** 22);
    execFileSync('fallocate', ['--keep-size', '--length', '1048576', chain.at('sparse')]);
    linkSync(chain.at('sparse'), chain.at('other name'));
    execFileSync('cp', ['--sparse=always', '--preserve=timestamps', chain.at('sparse'), chain.at('single')]);
    execFileSync('fallocate', ['--keep-size', '--length', '1048576', chain.at('single')]);
    await chain.full();
    for (const name of ['sparse', 'single']) readFileSync(chain.at(name));

    const snapshot = await chain.incremental();

    expect(snapshot.body.warnings).toEqual([]);
    expect(newTarBytes(snapshot)).toBe(0);
  });
});

describe('a file that can no longer be read when its turn to be read again comes', () => {
  it('stays as the snapshot before has it, with a warning, for as long as nothing else about it changes', async () => {
    using failing = openBreakingDisk();
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-unreadable-'));
    const files = { small: 60_000, large: 3_000_000, linked: 60_000, sound: 60_000 };
    const contents = Object.entries(files).map(
      ([name, size]) => [name, Buffer.alloc(size, `${name} `)] as const,
    );
    for (const [name, content] of contents) writeFileSync(join(failing.path, name), content);
    linkSync(join(failing.path, 'linked'), join(failing.path, 'other name'));
    const now = (): number => Date.now() + 60_000;
    const lab = await openLab(directory, { chain: { rereadEvery: 1 }, now });
    try {
      await lab.backUp({ shadow: failing.path });
      failing.breakFiles('small', 'large', 'linked');

      for (let night = 0; night < 2; night++) {
        const { snapshot, exitStatus } = await lab.backUp({ shadow: failing.path }, { level: 'incremental' });
        const { state, parents } = snapshot.header;
        expect([state, parents.length, exitStatus]).toEqual(['complete', 1, 100]);
        const told = snapshot.body.warnings.map(({ code, path, message }) => [code, path, message]);
        const message = 'cannot be read again: EIO; its content of the snapshot before is kept';
        const expected = ['large', 'linked', 'small'].map((name) => ['unreadable', name, message]);
        expect(told.sort()).toEqual(expected);
      }
      await lab.restore(join(directory, 'out'));
      for (const [name, content] of contents)
        expect(readFileSync(join(directory, 'out/shadow', name)).equals(content), name).toBe(true);
    } finally {
      await lab.close();
      rmSync(directory, { recursive: true, force: true });
    }
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

  it('is read again where a memory map has changed it since, and the kernel has given it no other time', async () => {
    // As if the first write were ten seconds old.
    await using chain = await open({ now: () => Date.now() + 10_000 });
    chain.write('mapped', 'a'.repeat(8192));
    const writer = spawn('python3', ['-uc', mappedWrites, chain.at('mapped')]);
    await once(writer.stdout, 'data');
    const { ctimeNs } = statSync(chain.at('mapped'), { bigint: true });
    await chain.full();
    writer.stdin.end();
    await once(writer, 'exit');
    expect(statSync(chain.at('mapped'), { bigint: true }).ctimeNs).toBe(ctimeNs);

    await chain.incremental();

    expect(readFileSync(chain.at('mapped'), 'utf8')).toMatch(/^later/);
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
