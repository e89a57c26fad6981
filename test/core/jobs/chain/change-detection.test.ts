/** What an incremental finds and what it stores for it, change by change. */

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ChainLab, openChainLab, wrote } from './chain-lab.ts';

/** A full of some files, then the change, then an incremental, which must restore to what is there. */
async function afterChange(change: (chain: ChainLab) => void, before: (chain: ChainLab) => void = () => {}) {
  const chain = await openChainLab();
  chain.write('a', 'content of a');
  chain.write('dir/b', 'content of b');
  chain.write('dir/deep/c', 'content of c');
  chain.write('large', Buffer.alloc(2_500_000, 'large'));
  before(chain);
  await chain.full();
  change(chain);
  const snapshot = await chain.incremental();
  await chain.expectRestorable();
  return {
    chain,
    snapshot,
    wrote: wrote(snapshot),
    [Symbol.asyncDispose]: () => chain[Symbol.asyncDispose](),
  };
}

const onlyMetadata = 'index 1';
const newContent = 'index 1, segment 1';

describe('nothing but the index is stored', () => {
  it.each<[string, (chain: ChainLab) => void, ((chain: ChainLab) => void)?]>([
    ['where nothing changed', () => {}],
    ['for a renamed file', ({ at }) => renameSync(at('a'), at('renamed'))],
    ['for a renamed large file', ({ at }) => renameSync(at('large'), at('dir/moved'))],
    ['for a renamed directory', ({ at }) => renameSync(at('dir'), at('another'))],
    ['for a copy', ({ at }) => cpSync(at('large'), at('dir/copy'))],
    ['for a deleted file', ({ at }) => rmSync(at('a'))],
    ['for a deleted directory', ({ at }) => rmSync(at('dir'), { recursive: true })],
    ['for another mode', ({ at }) => chmodSync(at('large'), 0o4711)],
    ['for another owner', ({ at }) => chownSync(at('dir/b'), 1234, 5678)],
    ['for another time', ({ at }) => utimesSync(at('a'), 1, 2)],
    ['for an attribute', ({ at }) => setAttribute(at('a'))],
    ['for an attribute of a directory', ({ at }) => setAttribute(at('dir'))],
    ['for the mode of the root', ({ at }) => chmodSync(at('.'), 0o711)],
    ['for a new link, FIFO and empty file', (chain) => makeEmpty(chain)],
    ['for a file rewritten with what it had', ({ write }) => write('a', 'content of a')],
    ['for a file put in place of another with the same content', (chain) => replaceByCopy(chain)],
    ['for a second name', ({ at }) => linkSync(at('large'), at('second'))],
    ['for a name of several gone', ({ at }) => unlinkSync(at('a')), ({ at }) => linkSync(at('a'), at('z'))],
    ['for a tree restored with new inodes', (chain) => restoreAnew(chain)],
    ['for a maildir with new flags', (chain) => flagMails(chain), (chain) => makeMails(chain)],
  ])('%s', async (_, change, before) => {
    await using result = await afterChange(change, before);

    expect(result.wrote).toBe(onlyMetadata);
    expect(result.snapshot.body.counts.tarBytes).toBe(0);
    expect(result.snapshot.body.warnings).toEqual([]);
  });
});

const setAttribute = (path: string): void =>
  void execFileSync('setfattr', ['-n', 'user.new', '-v', 'v', path]);

function makeEmpty({ at, write }: ChainLab): void {
  symlinkSync('a', at('link'));
  execFileSync('mkfifo', [at('fifo')]);
  write('dir/empty', '');
}

function replaceByCopy({ at }: ChainLab): void {
  cpSync(at('a'), at('temporary'));
  renameSync(at('temporary'), at('a'));
}

function restoreAnew({ at, directory, tree }: ChainLab): void {
  const before = statSync(at('a')).ino;
  execFileSync('cp', ['-a', tree, `${directory}/copy`]);
  rmSync(tree, { recursive: true });
  renameSync(`${directory}/copy`, tree);
  expect(statSync(at('a')).ino).not.toBe(before);
}

function makeMails({ write }: ChainLab): void {
  for (let i = 0; i < 50; i++) write(`Maildir/new/${i}.host`, `mail ${i}\n`.repeat(100));
}

function flagMails({ at }: ChainLab): void {
  mkdirSync(at('Maildir/cur'));
  for (let i = 0; i < 50; i++) renameSync(at(`Maildir/new/${i}.host`), at(`Maildir/cur/${i}.host:2,S`));
}

describe('content is stored', () => {
  it.each<[string, (chain: ChainLab) => void, ((chain: ChainLab) => void)?]>([
    ['of a new file', ({ write }) => write('dir/new', 'new content')],
    ['of a file that grew', ({ write }) => write('a', 'content of a, and more')],
    ['of a file that became shorter', ({ at }) => truncateSync(at('large'), 1000)],
    ['where size and time are the same', (chain) => changeInSecret(chain)],
    ['where the time went back', (chain) => changeInThePast(chain)],
    ['of a directory that was a file', (chain) => fileToDirectory(chain)],
    ['of a file that was a link', (chain) => linkToFile(chain), ({ at }) => symlinkSync('a', at('link'))],
    ['of a file that was a directory', (chain) => directoryToFile(chain)],
    [
      'of a file with several names, once',
      ({ write }) => write('a', 'new'),
      ({ at }) => linkSync(at('a'), at('z')),
    ],
    ['where data filled a hole', (chain) => fillHole(chain), (chain) => makeSparse(chain)],
  ])('%s', async (_, change, before) => {
    await using result = await afterChange(change, before);

    expect(result.wrote).toBe(newContent);
    expect(result.snapshot.body.counts.tarBytes).toBeLessThan(80_000);
  });
});

/** Same size and time of change, other content: only the ctime tells. */
function changeInSecret({ at, write }: ChainLab): void {
  const { atime, mtime, size } = statSync(at('a'));
  write('a', 'CONTENT OF A');
  utimesSync(at('a'), atime, mtime);
  expect(statSync(at('a'))).toMatchObject({ mtime, size });
}

function changeInThePast({ at, write }: ChainLab): void {
  write('dir/b', 'older than what is in the snapshot');
  utimesSync(at('dir/b'), 100_000, 100_000);
}

function fileToDirectory({ at, write }: ChainLab): void {
  rmSync(at('a'));
  write('a/inside', 'something else');
}

function linkToFile({ at, write }: ChainLab): void {
  rmSync(at('link'));
  write('link', 'no link any more');
}

function directoryToFile({ at, write }: ChainLab): void {
  rmSync(at('dir'), { recursive: true });
  write('dir', 'no directory any more');
}

function makeSparse({ at }: ChainLab): void {
  const fd = openSync(at('sparse'), 'w');
  writeSync(fd, 'begin', 0);
  ftruncateSync(fd, 5_000_000);
  closeSync(fd);
}

function fillHole({ at }: ChainLab): void {
  const fd = openSync(at('sparse'), 'r+');
  writeSync(fd, 'in the hole', 2_000_000);
  closeSync(fd);
}

describe('an incremental', () => {
  it('records a directory that became a link without what was below it', async () => {
    await using result = await afterChange(({ at }) => {
      rmSync(at('dir'), { recursive: true });
      symlinkSync('a', at('dir'));
    });
    expect(await result.chain.entry(result.snapshot, 'dir/b')).toBeNull();
  });

  it('is right where the clock has gone back between the two', async () => {
    let skewMs = 0;
    await using chain = await openChainLab({ now: () => Date.now() + skewMs });
    chain.write('a', '1');
    await chain.full();
    skewMs = -30 * 86_400_000;
    chain.write('a', '2');
    chain.write('b', '3');
    const snapshot = await chain.incremental({ now: () => Date.now() + skewMs });

    expect(snapshot.header.sequence).toBe(2);
    await chain.expectRestorable();
    chain.write('a', '4');
    await chain.incremental();
    await chain.expectRestorable();
  });

  it('takes content from any snapshot the chain still knows, not from deleted files', async () => {
    await using chain = await openChainLab();
    chain.write('a', 'first');
    chain.write('b', 'stays');
    await chain.full();
    chain.write('a', 'second');
    await chain.incremental();
    await chain.incremental();
    chain.write('c', 'second');
    expect(wrote(await chain.incremental())).toBe(onlyMetadata);
    await chain.expectRestorable();
  });

  it.each([1, 4])('costs next to nothing where nothing has changed, with %i threads', async (threads) => {
    await using chain = await openChainLab({ threads, pageBytes: 4000 });
    for (let i = 0; i < 800; i++) {
      chain.write(`d${i % 20}/${i}`, `content ${i}`);
      if (i % 4 === 0) linkSync(chain.at(`d${i % 20}/${i}`), chain.at(`d${i % 20}/link-${i}`));
    }
    await chain.full();
    const snapshot = await chain.incremental();

    expect(wrote(snapshot)).toBe(onlyMetadata);
    expect(await chain.ownPages(snapshot)).toBe(0);
    expect(snapshot.body.counts).toMatchObject({ entries: 1021, files: 1000, directories: 21 });
    await chain.expectRestorable();
  });

  it('counts the same bytes as a full', async () => {
    await using result = await afterChange(
      ({ write }) => write('a', 'new'),
      ({ at }) => {
        linkSync(at('large'), at('dir/linked'));
      },
    );
    const { counts } = (await result.chain.full()).body;
    const { entries, files, directories, bytes } = result.snapshot.body.counts;

    expect({ entries, files, directories, bytes }).toEqual({
      entries: counts.entries,
      files: counts.files,
      directories: counts.directories,
      bytes: counts.bytes,
    });
  });
});

describe('a differential', () => {
  it('refers to the last full and itself only', async () => {
    await using chain = await openChainLab();
    chain.write('a', 'in the full');
    const full = await chain.full();
    chain.write('b', 'in the incremental');
    await chain.incremental();
    const { header } = await chain.full({ level: 'differential' });

    expect(header.parents).toEqual([full.header.id]);
    expect(header.level).toBe('differential');
    const origin = ({ key }: { key: string }) => key.split('/')[3]!.slice(0, 12);
    expect(new Set(header.references.map(origin))).toEqual(new Set([full.header.id]));
    await chain.expectRestorable();
  });
});

describe('exclusions that change between two runs', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['a directory more', [], ['dir']],
    ['a directory less', ['dir'], []],
    ['a file more', [], ['a']],
    ['a file less', ['a'], []],
    ['one name of several more', [], ['z']],
    ['one name of several less', ['z'], []],
    ['the name that the tar holds', ['z'], ['linked']],
  ])('%s: the snapshot is as a full would be', async (_, before, after) => {
    await using chain = await openChainLab();
    for (const file of ['a', 'dir/b', 'dir/c', 'linked']) chain.write(file, `content of ${file}`);
    linkSync(chain.at('linked'), chain.at('z'));
    const run = async (level: 'full' | 'incremental', exclude: readonly string[]) => {
      const trees = { shadow: { path: chain.tree, exclude } };
      return (await chain.lab.backUp(trees, { level })).snapshot;
    };
    await run('full', before);
    const incremental = await run('incremental', after);
    const full = await run('full', after);

    expect(incremental.header.level).toBe('incremental');
    expect(await chain.described(incremental)).toEqual(await chain.described(full));
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
  });
});
