/** The root of a tree is opened several times, by its path: it must be the same each time. */

import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LinkRecord } from '../../../../src/core/archive/entry.ts';
import { decompressPart, readLinkPage } from '../../../../src/core/archive/page-reader.ts';
import { pageTargetBytes } from '../../../../src/core/archive/pages.ts';
import { systemXattrs } from '../../../../src/core/filesystem/xattrs.ts';
import { AccountCapture } from '../../../../src/core/jobs/capture/account-capture.ts';
import { newControl } from '../../../../src/core/jobs/capture/job-control.ts';
import type { FromWorker } from '../../../../src/core/jobs/capture/messages.ts';
import { afterWalk } from '../../../support/after-walk.ts';
import { openLab } from '../../../support/backup.ts';

let directory = '';
let tree = '';
const mounted: string[] = [];

/** An empty file system, whose inodes are numbered in the order they come to be. */
function mountAt(path: string): string {
  mkdirSync(path, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'inode64', 'tmpfs', path]);
  mounted.push(path);
  return path;
}

function unmount(path: string): void {
  execFileSync('umount', ['-l', path]);
  mounted.splice(mounted.lastIndexOf(path), 1);
}

function writeLinked(path: string, content: string): void {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'a'), content);
  linkSync(join(path, 'a'), join(path, 'b'));
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-same-root-'));
  tree = mountAt(join(directory, 'tree'));
  writeLinked(join(tree, 'sub'), 'linked');
});
afterEach(() => {
  for (const path of [...mounted].reverse()) unmount(path);
  rmSync(directory, { recursive: true });
});

/** Writes a linked file to an empty file system that gets this number. */
function writeNumbered(path: string, inode: number): void {
  const file = join(path, 'a');
  for (let number = 0; number < inode; number = statSync(file).ino) {
    rmSync(file, { force: true });
    writeFileSync(file, 'foreign');
  }
  linkSync(file, join(path, 'b'));
  expect(statSync(file).ino).toBe(inode);
}

interface Outcome {
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
  readonly records: readonly LinkRecord[];
}

/** Captures the tree; `meanwhile` runs when its walk has ended, and `further` is a path that was handed over. */
function capture(meanwhile: () => void, further: string | null = null): Outcome {
  const messages: FromWorker[] = [];
  const outlet = {
    send: (message: FromWorker) => void messages.push(message),
    sendBytes: () => {},
    wantsHandOver: () => false,
    claimHandOver: () => false,
    checkStop: () => {},
  };
  const trees = [{ name: 't', path: tree, device: 0, exclude: [] }];
  const world = { xattrs: systemXattrs, now: Date.now, pageBytes: pageTargetBytes };
  const job = new AccountCapture({ job: 1, trees, parent: null }, newControl(1), outlet, world);
  job.task(0, '');
  meanwhile();
  if (further !== null) job.task(0, further);
  job.finish({ directories: [], linked: [], keptLinks: new Map(), startedAtMs: Date.now() });
  return {
    failures: messages.flatMap((message) => {
      if (message.type === 'finished') return message.failures.map(({ error }) => `end: ${error.code}`);
      const failure = message.type === 'task-done' ? message.failure : null;
      return failure === null ? [] : [`walk: ${failure.error.code}`];
    }),
    warnings: messages.flatMap((message) => (message.type === 'warning' ? [message.warning.code] : [])),
    records: messages.flatMap((message) => {
      if (message.type !== 'link-page') return [];
      const { frame, plainBytes, digest } = message.page;
      return [...readLinkPage(decompressPart(frame, plainBytes, 'page'), digest)];
    }),
  };
}

describe('a tree whose root is another by the time that its linked files are read, or a part that was handed over,', () => {
  const failed = { failures: ['walk: TREE_UNREADABLE', 'end: TREE_UNREADABLE'], warnings: [], records: [] };

  it('fails where its file system is unmounted', () => {
    expect(capture(() => unmount(tree), 'sub')).toEqual(failed);
  });

  it('fails where nothing is left of its path', () => {
    tree = join(tree, 'sub');

    expect(capture(() => renameSync(tree, `${tree}-away`), 'below')).toEqual(failed);
  });

  it('fails where another directory of its file system has taken its place', () => {
    tree = join(tree, 'sub');
    const swap = (): void => {
      renameSync(tree, `${tree}-away`);
      mkdirSync(join(tree, 'below'), { recursive: true });
    };

    expect(capture(swap, 'below')).toEqual(failed);
  });

  // Kernels before that give a new mount the number of the last one that has gone, as they do with devices.
  it.skipIf(release().localeCompare('6.8', 'en', { numeric: true }) < 0)(
    'fails where another file system has got all its numbers',
    () => {
      const numbers = () => [statSync(tree).dev, statSync(tree).ino];
      const before = numbers();
      const remount = (): void => {
        unmount(tree);
        mountAt(tree);
        writeLinked(join(tree, 'sub'), 'of another file system');
      };

      expect(capture(remount, 'sub')).toEqual(failed);
      expect(numbers()).toEqual(before);
    },
  );

  it('is captured where nothing has changed', () => {
    const { failures, warnings, records } = capture(() => {});

    expect([failures, warnings, records.length]).toEqual([[], [], 1]);
  });
});

it('does not take a file for the linked one that has its number on a file system mounted meanwhile', () => {
  const { ino } = statSync(join(tree, 'sub/a'));
  const { failures, warnings, records } = capture(() => {
    writeNumbered(mountAt(join(tree, 'sub')), ino);
  });

  expect([failures, warnings, records]).toEqual([[], ['vanished'], []]);
});

it('costs its component where it happens in a run, and no other one', async () => {
  const info = join(directory, 'info');
  writeLinked(info, 'of another tree');
  const lab = await openLab(directory, { threads: 1 });
  try {
    afterWalk(lab.pool, () => unmount(tree));
    const { snapshot, exitStatus } = await lab.backUp({ shadow: tree, info }, { level: 'full' });

    expect([snapshot.header.state, exitStatus]).toEqual(['partial', 25]);
    expect(snapshot.body.components.map(({ name, error }) => [name, error?.code])).toEqual([
      ['shadow', 'TREE_UNREADABLE'],
      ['info', undefined],
    ]);
    expect(snapshot.body.warnings).toEqual([]);
    const target = join(directory, 'out');
    await lab.restore(target, { paths: [Buffer.from('info')] });
    expect(statSync(join(target, 'info/a')).nlink).toBe(2);
  } finally {
    await lab.close();
  }
});

it('fails where a file system is mounted on it after devices were numbered, whose files would pass for those of another tree', async () => {
  const [shadow, info] = [join(tree, 'sub'), join(tree, 'info')];
  const { ino } = statSync(join(shadow, 'a'));
  mkdirSync(info);
  const lab = await openLab(directory);
  const capture = lab.pool.capture.bind(lab.pool);
  const spy = vi.spyOn(lab.pool, 'capture').mockImplementationOnce((...given) => {
    writeNumbered(mountAt(info), ino);
    return capture(...given);
  });
  try {
    const { snapshot } = await lab.backUp({ shadow, info }, { level: 'full' });

    expect(snapshot.body.components.map(({ name, error }) => [name, error?.code])).toEqual([
      ['shadow', undefined],
      ['info', 'TREE_UNREADABLE'],
    ]);
    const target = join(directory, 'out');
    await lab.restore(target);
    expect(readFileSync(join(target, 'shadow/a'), 'utf8')).toBe('linked');
  } finally {
    spy.mockRestore();
    await lab.close();
  }
});
