import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { AT_FDCWD, closeFd, errno, O, openAt, zName } from '../../../src/core/filesystem/native.ts';
import { openBelow, PathsInOrder } from '../../../src/core/filesystem/open-below.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-open-below-'));
afterAll(() => rmSync(directory, { recursive: true }));

it('opens no path with a component that leads elsewhere', () => {
  mkdirSync(join(directory, 'root/..name'), { recursive: true });
  writeFileSync(join(directory, 'secret'), '');
  const opened = (path: string): number => openBelow(join(directory, 'root'), Buffer.from(path), O.RDONLY);

  for (const path of ['../secret', '..name/../../secret', '..', '.', './..name', '..name/..'])
    expect([path, opened(path)]).toEqual([path, -errno.EINVAL]);
  const fd = opened('..name');
  expect(fd).toBeGreaterThan(0);
  closeFd(fd);
});

describe('paths in order', () => {
  const tree = join(directory, 'tree');
  beforeEach(() => {
    rmSync(tree, { recursive: true, force: true });
    for (const path of ['a/b/c', 'a/bc', 'd']) mkdirSync(join(tree, path), { recursive: true });
    for (const path of ['a/b/c/1', 'a/b/c/2', 'a/b/3', 'a/bc/4', 'd/5'])
      writeFileSync(join(tree, path), path);
  });

  /** What each path leads to; `meanwhile` runs after the first. */
  function read(paths: readonly string[], meanwhile = (): void => {}): (string | number)[] {
    const root = openAt(AT_FDCWD, zName(tree), O.DIRECTORY);
    const opener = new PathsInOrder(root);
    const found = paths.map((path, i) => {
      const fd = opener.open(Buffer.from(path), O.RDONLY);
      const text = fd < 0 ? fd : readFileSync(fd, 'utf8');
      if (fd >= 0) closeFd(fd);
      if (i === 0) meanwhile();
      return text;
    });
    opener.close();
    closeFd(root);
    return found;
  }

  it('lead where they say, in any order, and leave no descriptor open', () => {
    const open = readdirSync('/proc/self/fd').length;
    const paths = ['a/b/c/1', 'a/b/c/2', 'a/b/3', 'a/bc/4', 'd/5', 'a/b/c/1', 'a/b/3'];

    expect(read(paths)).toEqual(paths);
    expect(readdirSync('/proc/self/fd')).toHaveLength(open);
  });

  it('share the directories above them, which are not walked again', () => {
    const moved = read(['a/b/c/1', 'a/b/c/2', 'a/b/3', 'd/5'], () =>
      renameSync(join(tree, 'a'), join(tree, 'e')),
    );

    expect(moved).toEqual(['a/b/c/1', 'a/b/c/2', 'a/b/3', 'd/5']);
  });

  it('lead nowhere through a link, a file, or a component that leads elsewhere, and the next ones do', () => {
    symlinkSync('a', join(tree, 'link'));

    expect(read(['a/b/c/0', 'a/b/c/1/x', 'a/b/../b/3', 'link/b/3', 'a//b/3', 'a/b/3'])).toEqual([
      -errno.ENOENT,
      -errno.ENOTDIR,
      -errno.EINVAL,
      -errno.ENOTDIR,
      -errno.EINVAL,
      'a/b/3',
    ]);
  });
});
