import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Directories } from '../../../src/addins/local/directories.ts';
import { scratchDirectory } from './scratch.ts';

/** Journaling file systems sync more than they are asked to, so what is asked for is recorded here. */
class RecordingDirectories extends Directories {
  readonly synced: string[] = [];

  override sync(directory: string): Promise<void> {
    this.synced.push(directory);
    return super.sync(directory);
  }
}

describe('Directories', () => {
  it('syncs the parent of each directory once, made now or found', async () => {
    using scratch = scratchDirectory();
    const root = join(scratch.path, 'deep/store');
    mkdirSync(join(root, 'a'), { recursive: true });
    const directories = new RecordingDirectories(root);

    await Promise.all([directories.ensure(join(root, 'a/b')), directories.ensure(join(root, 'a/b'))]);
    await directories.ensure(join(root, 'a'));

    expect(directories.synced).toEqual([root, join(root, 'a')]);
    expect(statSync(join(root, 'a/b')).isDirectory()).toBe(true);
  });

  it('syncs a parent twice at most for all that lay in it before', async () => {
    using scratch = scratchDirectory();
    const root = join(scratch.path, 'store');
    for (const name of ['one', 'two', 'three', 'four']) mkdirSync(join(root, name), { recursive: true });
    const directories = new RecordingDirectories(root);
    const ensured = async (name: string): Promise<number> => {
      await directories.ensure(join(root, name));
      return directories.synced.length;
    };

    expect([await ensured('one'), await ensured('two'), await ensured('three')]).toEqual([1, 2, 2]);
    // Made by this process, and by another that may have died before its sync.
    mkdirSync(join(root, 'of another'));
    expect([await ensured('new'), await ensured('of another'), await ensured('four')]).toEqual([3, 4, 4]);
    directories.forgetAll();
    expect([await ensured('one'), await ensured('four')]).toEqual([5, 6]);
  });

  it('syncs every directory above a new root that was made with it', async () => {
    using scratch = scratchDirectory();
    const directories = new RecordingDirectories(join(scratch.path, 'one/two/three'));

    await directories.ensure(join(scratch.path, 'one/two/three'));

    const wanted = ['one/two', 'one', ''].map((path) => join(scratch.path, path));
    expect(directories.synced).toEqual(wanted);
  });

  it('never lets a late caller join a sync that has begun', async () => {
    using scratch = scratchDirectory();
    const directories = new Directories(scratch.path);

    const [first, second, third] = [1, 2, 3].map(() => directories.sync(scratch.path));

    expect(second).not.toBe(first);
    expect(third).toBe(second);
    await Promise.all([first, second, third]);
    expect(directories.sync(scratch.path)).not.toBe(third);
  });

  it('fails for those who wait and starts afresh for the next', async () => {
    using scratch = scratchDirectory();
    const directory = join(scratch.path, 'gone');
    const directories = new Directories(scratch.path);

    const both = [directories.sync(directory), directories.sync(directory)];

    const outcomes = await Promise.allSettled(both);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected']);
    await directories.ensure(directory);
    await directories.sync(directory);
    rmSync(directory, { recursive: true });
  });
});
