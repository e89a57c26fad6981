/** What an entry is given, in which order, and what becomes of it where the target refuses something. */

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Entry } from '../../../src/core/archive/entry.ts';
import { AT_FDCWD, O, openAt, zName } from '../../../src/core/filesystem/native.ts';
import { applyToDescriptor, applyToInode, createFile } from '../../../src/core/filesystem/write-entry.ts';
import { systemXattrs, type XattrBackend } from '../../../src/core/filesystem/xattrs.ts';
import { mountFilesystem } from '../../support/filesystems.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-write-entry-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const nobody = 65534;

const entryWith = (extra: Partial<Entry>): Entry => ({
  path: Buffer.from('shadow/su'),
  flags: 0,
  mode: 0o100640,
  uid: 0,
  gid: 0,
  mtimeSeconds: 1,
  mtimeNanoseconds: 0,
  ctimeSeconds: 1,
  ctimeNanoseconds: 0,
  inode: 1n,
  xattrs: [],
  target: null,
  rdevMajor: 0,
  rdevMinor: 0,
  content: null,
  ...extra,
});
const accessAcl = Buffer.from('system.posix_acl_access');
const acl = (path: string): string => execFileSync('getfacl', ['-ncp', path]).toString().trim();
/** As the kernel has it, of an ACL that setfacl makes. */
function aclValue(specification: string): Buffer {
  const path = join(mkdtempSync(join(directory, 'acl-')), 'file');
  writeFileSync(path, '');
  execFileSync('setfacl', ['-m', specification, path]);
  return systemXattrs.read(zName(path)).find(({ name }) => name.equals(accessAcl))!.value;
}

describe('a file of root that nobody restores', () => {
  it('does not get the setuid and setgid bits that were for its owner', () => {
    chmodSync(directory, 0o777);
    const entry = entryWith({ mode: 0o106755 });
    const told: string[] = [];
    let fd = -1;
    process.setegid!(nobody);
    process.seteuid!(nobody);
    try {
      const path = mkdtempSync(join(directory, 'try-'));
      fd = openSync(join(path, 'su'), 'w');
      applyToDescriptor(fd, entry, systemXattrs, (code, message) => told.push(`${code}: ${message}`));
      expect(statSync(join(path, 'su')).mode & 0o7777).toBe(0o755);
    } finally {
      process.seteuid!(0);
      process.setegid!(0);
      if (fd >= 0) closeSync(fd);
    }
    expect(told).toEqual(['owner-refused: owner 0:0: EPERM, so setuid and setgid are dropped']);
  });
});

describe('an access list', () => {
  const unexpected = (code: string, message: string): void => expect.unreachable(`${code}: ${message}`);

  it.each([
    ['of its own', 'u:33:r,g::-,o::-', 'user::rw-\nuser:33:r--\ngroup::---\nmask::r--\nother::---'],
    ['that it does not have', null, 'user::rw-\ngroup::r--\nother::---'],
  ])('%s never comes after a mode that opens what the directory hands down', (_, own, expected) => {
    const place = mkdtempSync(join(directory, 'inherits-'));
    execFileSync('setfacl', ['-m', `d:u:${nobody}:rw,d:g::rw`, place]);
    const path = join(place, 'file');
    const fd = createFile(AT_FDCWD, zName(path), false);
    const seen: string[] = [];
    const look = () => seen.push(`${acl(path)}\n`.replaceAll(/\t.*/g, ''));
    const xattrs: XattrBackend = {
      ...systemXattrs,
      set(...given) {
        look();
        systemXattrs.set(...given);
        look();
      },
      remove(...given) {
        look();
        systemXattrs.remove(...given);
        look();
      },
    };
    const value = own === null ? [] : [{ name: accessAcl, value: aclValue(own) }];
    applyToDescriptor(fd, entryWith({ xattrs: value }), xattrs, unexpected);
    closeSync(fd);

    expect(acl(path)).toBe(expected);
    expect(seen).toHaveLength(2);
    expect(seen[0]).toContain('mask::---');
    expect(seen[1]).toBe(`${expected}\n`);
  });

  it('of a live file gives way to the mode at once: the group never has what was its mask', () => {
    const path = join(mkdtempSync(join(directory, 'live-')), 'file');
    writeFileSync(path, '', { mode: 0o600 });
    execFileSync('setfacl', ['-m', 'u:33:rw,g::-', path]);
    const fd = openAt(AT_FDCWD, zName(path), O.PATH);
    const modes: number[] = [];
    const xattrs: XattrBackend = {
      ...systemXattrs,
      set(...given) {
        systemXattrs.set(...given);
        modes.push(statSync(path).mode & 0o777);
      },
      remove: () => expect.unreachable('its mask would become the group’s rights'),
    };
    applyToInode(fd, entryWith({ mode: 0o104600 }), xattrs, unexpected);
    closeSync(fd);

    expect(modes).toEqual([0o600]);
    expect(statSync(path).mode & 0o7777).toBe(0o4600);
    expect(acl(path)).toBe('user::rw-\ngroup::---\nother::---');
  });
});

describe('attributes without room', () => {
  it('stop everything where the file system is full, and cost the attribute where it is too large', () => {
    const mounted = mountFilesystem('ext4', { mebibytes: 16 });
    try {
      const path = join(mounted.path, 'file');
      const many = Array.from({ length: 20 }, (_, i) => `u:${1000 + i}:r`).join();
      const listed = entryWith({ xattrs: [{ name: accessAcl, value: aclValue(many) }] });
      const large = entryWith({ xattrs: [{ name: Buffer.from('user.large'), value: Buffer.alloc(5000) }] });
      const told: string[] = [];
      const fd = createFile(AT_FDCWD, zName(path), false);
      const apply = (entry: Entry): void =>
        applyToDescriptor(fd, entry, systemXattrs, (_, message) => told.push(message));
      apply(large);
      expect(told).toEqual(['cannot set extended attribute user.large: ENOSPC']);
      spawnSync('dd', ['if=/dev/zero', `of=${join(mounted.path, 'rest')}`, 'bs=4k']);
      expect(() => apply(listed)).toThrow(
        expect.objectContaining({
          code: 'TARGET_UNWRITABLE',
          message: expect.stringMatching(/system\.posix_acl_access: ENOSPC$/) as string,
          hint: expect.stringContaining('Make room') as string,
        }),
      );
      closeSync(fd);
      expect(told).toHaveLength(1);
    } finally {
      mounted.unmount();
    }
  });
});

describe('a time', () => {
  const time = { mtimeSeconds: 86400, mtimeNanoseconds: 123456789 };
  const timeOf = (path: string): bigint => statSync(path, { bigint: true }).mtimeNs;

  it('is taken by a program behind FUSE that hears of both times of a file or of none', () => {
    const [real, point] = ['real', 'bindfs'].map((name) => join(directory, name)) as [string, string];
    for (const path of [real, point]) mkdirSync(path);
    execFileSync('bindfs', [real, point]);
    const told: string[] = [];
    const fd = createFile(AT_FDCWD, zName(join(point, 'file')), false);
    try {
      applyToDescriptor(fd, entryWith(time), systemXattrs, (_, message) => told.push(message));
    } finally {
      closeSync(fd);
      execFileSync('umount', [point]);
    }

    expect(told).toEqual([]);
    expect(timeOf(join(real, 'file'))).toBe(86400123456789n);
  });

  it('of which the file system keeps a part only is told of', () => {
    // Inodes of this size have room for whole seconds.
    const mounted = mountFilesystem('ext4', { mebibytes: 16, mkfs: ['-I', '128'] });
    const told: string[] = [];
    const fd = createFile(AT_FDCWD, zName(join(mounted.path, 'file')), false);
    try {
      for (const entry of [entryWith(time), entryWith({ mtimeSeconds: 86400 })])
        applyToDescriptor(fd, entry, systemXattrs, (code, message) => told.push(`${code}: ${message}`));
    } finally {
      closeSync(fd);
      mounted.unmount();
    }

    expect(told).toEqual(['time-refused: modification time 86400.123456789: cannot be held here']);
  });
});
