/**
 * Restore in place where the account has put inodes of root, or others than were looked at, under the names it restores.
 */

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../../support/backup.ts';
import { accountAt, restoreTreeInPlace } from '../../support/in-place.ts';
import { holdLeases } from '../../support/lease.ts';

const account = 1234;

describe('restore in place over what is not the account’s', () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-in-place-ownership-'));
  const tree = join(directory, 'tree');
  let lab: Lab;

  beforeAll(async () => {
    lab = await openLab(directory);
  });
  afterAll(async () => {
    await lab.close();
    rmSync(directory, { recursive: true, force: true });
  });
  beforeEach(async () => {
    rmSync(tree, { recursive: true, force: true });
    for (const name of ['www/sub', 'www/tools', 'www/other']) mkdirSync(at(name), { recursive: true });
    for (const name of ['a', 'b', 'c', 'sub/x', 'other/y'])
      writeFileSync(at(`www/${name}`), `${name}-public`);
    writeFileSync(at('www/tools/run'), 'tool');
    symlinkSync('a', at('www/link'));
    execFileSync('chown', ['-hR', `${account}:${account}`, tree]);
    execFileSync('chown', ['-R', '0:0', at('www/tools')]);
    execFileSync('sh', ['-c', 'find "$1" -type d -exec chmod 755 {} +; chmod 644 "$1"/www/?', 'sh', tree]);
    await lab.backUp({ shadow: tree }, { level: 'full' });
  });

  const at = (name: string): string => join(tree, name);
  const inPlace = (options: Parameters<typeof restoreTreeInPlace>[3] = {}) =>
    restoreTreeInPlace(lab, directory, accountAt(tree), options);
  /** A directory or file of root alone. */
  const secret = (name: string): string => {
    writeFileSync(at(name), 's-secret', { mode: 0o600 });
    return at(name);
  };
  const secretDirectory = (name: string): string => {
    mkdirSync(at(name), { mode: 0o700 });
    writeFileSync(at(`${name}/inside`), 'secret', { mode: 0o644 });
    return at(name);
  };
  const rights = (path: string) => {
    const { uid, gid, mode, ino } = lstatSync(path);
    return { uid, gid, mode, ino };
  };

  it('makes a file anew that belongs to somebody else, whatever size and time say', async () => {
    const { size } = statSync(at('www/a'));
    const before = rights(secret('www/root'));
    execFileSync('touch', ['-r', at('www/a'), at('www/root')]);
    expect(statSync(at('www/root')).size).toBe(size);
    unlinkSync(at('www/a'));
    renameSync(at('www/root'), at('www/a'));
    const { list, failures } = await inPlace();

    expect(failures).toEqual([]);
    expect(list).toContain('replace shadow/www/a');
    expect(readFileSync(at('www/a'), 'utf8')).toBe('a-public');
    expect(lstatSync(at('www/a'))).toMatchObject({ uid: account, nlink: 1 });
    expect(lstatSync(at('www/a')).ino).not.toBe(before.ino);
  });

  it('changes no inode but the one that was looked at', async () => {
    writeFileSync(at('www/a'), 'defaced');
    chmodSync(at('www/b'), 0o777);
    const mine = secret('www/root');
    const before = rights(mine);
    const { failures } = await inPlace({
      onEvent(event) {
        if (event.type === 'action' && event.path.toString() === 'shadow/www/a')
          renameSync(mine, at('www/b'));
      },
    });

    expect(failures).toEqual([
      { path: 'shadow/www/b', message: expect.stringContaining('changed or replaced meanwhile') },
    ]);
    expect(rights(at('www/b'))).toEqual(before);
  });

  it('changes the metadata of a file from which it has just taken another name', async () => {
    linkSync(at('www/b'), at('www/link-to-b'));
    renameSync(at('www/link-to-b'), at('www/a'));
    chmodSync(at('www/b'), 0o600);
    const planned = await inPlace({ dryRun: true });
    const { list, failures } = await inPlace();

    expect(failures).toEqual([]);
    expect(list).toEqual(planned.list);
    expect([readFileSync(at('www/a'), 'utf8'), readFileSync(at('www/b'), 'utf8')]).toEqual([
      'a-public',
      'b-public',
    ]);
    expect(statSync(at('www/b'))).toMatchObject({ mode: 0o100644, nlink: 1 });
    expect((await inPlace()).list).toEqual([]);
  });

  it('links a name that is restored alone to the file it was, and says where that is another now', async () => {
    linkSync(at('www/a'), at('www/z'));
    linkSync(at('www/b'), at('www/sub/z'));
    await lab.backUp({ shadow: tree });
    const paths = [Buffer.from('shadow/www/z')];
    rmSync(at('www/z'));
    const linked = await inPlace({ paths });
    expect({ list: linked.list, warnings: linked.warnings }).toEqual({
      list: ['link shadow/www/z'],
      warnings: [],
    });
    expect(statSync(at('www/z')).ino).toBe(statSync(at('www/a')).ino);

    rmSync(at('www/z'));
    writeFileSync(at('www/a'), 'defaced');
    const copied = await inPlace({ paths });
    expect(copied.list).toEqual(['create shadow/www/z']);
    expect(copied.warnings).toMatchObject([
      { code: 'link-lost', path: 'shadow/www/z', message: expect.stringContaining('shadow/www/a') as string },
    ]);
    expect(readFileSync(at('www/a'), 'utf8')).toBe('defaced');
    const first = await inPlace({ paths: [Buffer.from('shadow/www/a')] });
    expect(first.warnings).toMatchObject([
      { code: 'link-lost', path: 'shadow/www/a', message: expect.stringContaining('shadow/www/z') as string },
    ]);
    rmSync(at('www/b'));
    const deeper = await inPlace({ paths: [Buffer.from('shadow/www/b')] });
    expect(String(deeper.warnings[0]?.message)).toContain('shadow/www/sub/z');
    rmSync(at('www/a'));
    expect((await inPlace({})).warnings).toEqual([]);
    expect(statSync(at('www/z')).ino).toBe(statSync(at('www/a')).ino);
  });

  it('waits for nobody who has a lease on a file: it describes that one, or makes it anew', async () => {
    writeFileSync(at('www/a'), 'A-public');
    chmodSync(at('www/b'), 0o777);
    const holder = await holdLeases(60, at('www/a'), at('www/b'));
    const { list, failures } = await inPlace();
    holder.kill('SIGKILL');

    expect(failures).toEqual([]);
    expect(list).toEqual(['content shadow/www/a', 'metadata shadow/www/b']);
    expect(readFileSync(at('www/a'), 'utf8')).toBe('a-public');
    expect(statSync(at('www/b')).mode & 0o7777).toBe(0o644);
  });

  it('neither opens nor enters a directory of root in the place of one of the account', async () => {
    const before = rights(secretDirectory('www/private'));
    rmSync(at('www/sub'), { recursive: true });
    renameSync(at('www/private'), at('www/sub'));
    const planned = await inPlace({ delete: true, dryRun: true });
    const { failures, failureCount, list } = await inPlace({ delete: true });

    expect(failures).toEqual([
      {
        path: 'shadow/www/sub',
        message: expect.stringMatching(/of user 0 now.*; nothing below it is restored$/),
      },
    ]);
    expect([planned.failureCount, failureCount]).toEqual([2, 2]); // with sub/x
    expect(list.filter((one) => one.includes('www/sub'))).toEqual([]);
    expect(rights(at('www/sub'))).toEqual(before);
    expect(readdirSync(at('www/sub'))).toEqual(['inside']);
  });

  it('does not open a directory of root that stands in for another of root', async () => {
    const before = rights(secretDirectory('www/private'));
    rmSync(at('www/tools'), { recursive: true });
    renameSync(at('www/private'), at('www/tools'));
    const { failures } = await inPlace();

    expect(failures.map(({ path }) => path)).toEqual(['shadow/www/tools']);
    expect(rights(at('www/tools'))).toEqual(before);
  });

  it('does not take a directory of root for one that it has just made', async () => {
    rmSync(at('www/sub'), { recursive: true });
    const before = rights(secretDirectory('www/private'));
    const { failures } = await inPlace({
      onEvent(event) {
        if (event.type !== 'action' || event.path.toString() !== 'shadow/www/sub') return;
        rmSync(at('www/sub'), { recursive: true });
        renameSync(at('www/private'), at('www/sub'));
      },
    });

    expect(new Set(failures.map(({ path }) => path))).toEqual(
      new Set(['shadow/www/sub', 'shadow/www/sub/x']),
    );
    expect(rights(at('www/sub'))).toEqual(before);
    expect(readdirSync(at('www/sub'))).toEqual(['inside']);
  });

  it('makes directories and links of root anew in the account’s directories, and what runs with more rights too', async () => {
    chmodSync(at('www/c'), 0o2755);
    lchownSync(at('www/link'), 0, 0);
    await lab.backUp({ shadow: tree });
    rmSync(at('www/tools'), { recursive: true });
    unlinkSync(at('www/link'));
    chmodSync(at('www/c'), 0o755);
    const { ino } = statSync(at('www/c'));
    const { failures, list } = await inPlace();

    expect(failures).toEqual([]);
    expect(list).toEqual([
      'metadata shadow/www',
      'replace shadow/www/c',
      'create shadow/www/link',
      'create shadow/www/tools',
      'create shadow/www/tools/run',
    ]);
    expect(statSync(at('www/c')).mode & 0o7777).toBe(0o2755);
    expect(statSync(at('www/c')).ino).not.toBe(ino);
    expect(statSync(at('www/tools'))).toMatchObject({ uid: 0, gid: 0 });
    expect(statSync(at('www/tools')).mode & 0o7777).toBe(0o755);
    expect(lstatSync(at('www/link')).uid).toBe(0);
    expect((await inPlace()).list).toEqual([]);
  });

  it('removes the directories of killed runs, and none that only bears such a name', async () => {
    const name = '.holdfast-00000000000000aa.tmp';
    mkdirSync(join(at(name), name), { recursive: true, mode: 0o700 });
    secretDirectory('www/.holdfast-00000000000000bb.tmp');
    const { list } = await inPlace();

    expect(list.filter((one) => one.startsWith('delete'))).toEqual([`delete shadow/${name}`]);
    expect(existsSync(at(name))).toBe(false);
    expect(existsSync(at('www/.holdfast-00000000000000bb.tmp/inside'))).toBe(true);
  });

  it('deletes nothing below what is left out of backups now, at any depth', async () => {
    mkdirSync(at('www/other/deep'));
    writeFileSync(at('www/other/deep/new'), 'new');
    writeFileSync(at('www/other/new'), 'new');
    writeFileSync(at('www/sub/new'), 'new');
    const trees = [{ name: 'shadow', path: tree, exclude: ['www/other'] }];
    const { list } = await restoreTreeInPlace(lab, directory, accountAt(tree, { trees }), { delete: true });

    expect(list.filter((one) => one.startsWith('delete'))).toEqual(['delete shadow/www/sub/new']);
    expect(existsSync(at('www/other/deep/new'))).toBe(true);
  });
});
