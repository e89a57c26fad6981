/**
 * A disk that fails under some files: block pointers of an ext4 image are overwritten, so that the kernel
 * itself refuses to read on.
 */

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entryFlags } from '../../../src/core/archive/entry.ts';
import { openIndex } from '../../../src/core/jobs/index-reader.ts';
import { ahead, type Lab, openLab } from '../../support/backup.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-unreadable-'));
const image = join(directory, 'image');
const broken = join(directory, 'broken');
const point = join(directory, 'mount');
const target = join(directory, 'target');
const blockBytes = 4096;
/** Read through direct block pointers, which stay whole. */
const directBytes = 12 * blockBytes;
let lab: Lab;

beforeAll(async () => {
  mkdirSync(point);
  writeFileSync(image, '');
  truncateSync(image, 64 * 2 ** 20);
  const features = '^extent,^64bit,^metadata_csum,^has_journal';
  execFileSync('mkfs.ext4', ['-q', '-F', '-b', String(blockBytes), '-O', features, image]);
  execFileSync('mount', ['-o', 'loop', image, point]);
  mkdirSync(join(point, 'tree'));
  for (const [name, size] of [
    ['small', 60_000],
    ['large', 3_000_000],
    ['linked', 60_000],
    ['linked-large', 3_000_000],
    ['whole', 60_000],
  ] as const) {
    writeFileSync(join(point, 'tree', name), name.repeat(size).slice(0, size));
  }
  for (const name of ['linked', 'linked-large']) {
    linkSync(join(point, 'tree', name), join(point, 'tree', `${name}-too`));
  }
  mkdirSync(join(point, 'tree/mail'));
  // More than lies in direct blocks.
  for (let i = 100; i < 500; i++) writeFileSync(join(point, 'tree/mail', `${i}`.repeat(70)), '');
  // Another process may have the mount in a namespace of its own, and keep it for a while: so a copy is mounted next.
  execFileSync('sync', ['--file-system', point]);
  execFileSync('umount', [point]);
  execFileSync('cp', ['--sparse=always', image, broken]);
  for (const name of ['small', 'large', 'linked', 'linked-large', 'mail']) breakPointers(`/tree/${name}`);
  execFileSync('mount', ['-o', 'loop,ro,errors=continue', broken, point]);
  lab = await openLab(directory);
});
afterAll(async () => {
  await lab.close();
  execFileSync('umount', [point]);
  rmSync(directory, { recursive: true, force: true });
});

/** Fills the file's indirect block with numbers of blocks that do not exist. */
function breakPointers(path: string): void {
  const shown = execFileSync('debugfs', ['-R', `stat ${path}`, broken], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const block = Number(/\(IND\):(\d+)/.exec(shown)![1]);
  const fd = openSync(broken, 'r+');
  writeSync(fd, Buffer.alloc(blockBytes, 0x7f), 0, blockBytes, block * blockBytes);
  closeSync(fd);
}

describe('a file that the disk does not give back', () => {
  it('is named in a warning and costs no other file', async () => {
    const { snapshot, exitStatus } = await lab.backUp({ shadow: join(point, 'tree') });

    expect(snapshot.body.warnings.map(({ code, path }) => `${code} ${path}`).sort()).toEqual([
      'unreadable large',
      'unreadable linked',
      'unreadable linked-large',
      'unreadable mail',
      'unreadable small',
    ]);
    expect(exitStatus).toBe(100);
    expect(snapshot.header.state).toBe('complete');
  });

  it('comes back as far as it could be read where it is large, and is told of', async () => {
    const { warnings, failures } = await lab.restore(target);
    const large = readFileSync(join(target, 'shadow/large'));

    expect(readFileSync(join(target, 'shadow/whole'), 'utf8')).toHaveLength(60_000);
    expect(large).toHaveLength(3_000_000);
    expect(large.toString('latin1', 0, directBytes)).toBe('large'.repeat(directBytes).slice(0, directBytes));
    const said = warnings.map(({ code, path }) => `${code} ${path}`);
    expect(said).toContain('unreadable shadow/large');
    expect(said).toContain('unreadable shadow/linked-too');
    expect(said).toContain('unreadable shadow/linked-large-too');
    expect(failures).toEqual([]);
  });
});

describe('a directory that the disk does not list', () => {
  it('is kept as one whose contents are not known, and fails the tree where it is the root', async () => {
    const { signal } = new AbortController();
    const known = await lab.backUp({ shadow: join(point, 'tree') });
    const reader = await openIndex(lab.provider, known.snapshot, signal);
    const flags = new Map<string, number>();
    for await (const entry of reader.entries()) flags.set(entry.path.toString(), entry.flags);

    expect(flags.get('shadow/mail')! & entryFlags.contentsLeftOut).not.toBe(0);
    expect([...flags.keys()].filter((path) => path.startsWith('shadow/mail/'))).toEqual([]);
    const { snapshot, exitStatus } = await lab.backUp({ shadow: point, info: join(point, 'tree/mail') });
    expect(snapshot.header.state).toBe('partial');
    expect(snapshot.body.components.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'shadow complete',
      'info failed',
    ]);
    expect(exitStatus).toBe(25);
  });
});

describe('a linked file that the disk did not give back to the parent snapshot', () => {
  it('is not passed over as unchanged by an incremental', async () => {
    // What is younger than two seconds is captured anew in any case.
    const chain = await openLab(join(directory, 'chain'), { chain: {}, now: ahead });
    const trees = { shadow: join(point, 'tree') };
    const lost = async (level: 'full' | 'incremental') => {
      const { snapshot } = await chain.backUp(trees, { level });
      // Nor is the directory that cannot be listed taken for another, nor a large file left out that is there in part.
      if (level === 'incremental')
        expect(snapshot.body.statistics?.changes).toMatchObject({ added: 0, removed: 0 });
      expect(snapshot.header.level).toBe(level);
      return snapshot.body.warnings.map(({ path }) => path).filter((path) => path?.startsWith('linked'));
    };
    expect(await lost('full')).toHaveLength(2);
    expect(await lost('incremental')).toHaveLength(2);
    await chain.close();
  });
});
