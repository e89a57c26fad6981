/** Two implementations that share no code: what one writes the other must read. */

import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { withoutRepeated } from '../../../src/core/filesystem/directory.ts';
import { fsXattrBackend } from '../../../src/core/filesystem/fs-xattr-backend.ts';
import { AT_FDCWD, closeFd, O, openAt, zName } from '../../../src/core/filesystem/native.ts';
import {
  magicPath,
  systemXattrs,
  type XattrBackend,
  XattrError,
} from '../../../src/core/filesystem/xattrs.ts';
import { mountFilesystem } from '../../support/filesystems.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-xattrs-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const backends: Readonly<Record<string, XattrBackend>> = {
  system: systemXattrs,
  'fs-xattr': fsXattrBackend(),
};
const acl = Buffer.from(
  '0200000001000600ffffffff020004002100000004000400ffffffff10000400ffffffff20000400ffffffff',
  'hex',
);
const values: Readonly<Record<string, Buffer>> = {
  'security.capability': Buffer.from('0100000200040000000000000000000000000000', 'hex'),
  'system.posix_acl_access': acl,
  'trusted.overlay.opaque': Buffer.from('y'),
  'user.bytes': Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
  'user.empty': Buffer.alloc(0),
  'user.large': Buffer.alloc(3000, 0xa5),
  'user.ümlaut=%': Buffer.from('odd name'),
};
let next = 0;

function scratch(): string {
  const path = join(directory, String(next++));
  writeFileSync(path, '');
  return path;
}

const asText = (backend: XattrBackend, subject: number | Buffer): Record<string, string> =>
  Object.fromEntries(
    backend.read(subject).map(({ name, value }) => [name.toString(), value.toString('hex')]),
  );

const expected = Object.fromEntries(
  Object.entries(values).map(([name, value]) => [name, value.toString('hex')]),
);

describe.each([
  ['system', 'fs-xattr'],
  ['fs-xattr', 'system'],
])('what %s sets', (writer, reader) => {
  const [write, read] = [backends[writer]!, backends[reader]!];

  it(`is what ${reader} reads, sorted by name`, () => {
    const fd = openSync(scratch(), 'r');
    for (const [name, value] of Object.entries(values)) write.set(fd, Buffer.from(name), value);

    expect(asText(read, fd)).toEqual(expected);
    expect(Object.keys(asText(read, fd))).toEqual(Object.keys(expected));
    closeSync(fd);
  });

  it(`is gone for ${reader} once it is removed, and may be removed again`, () => {
    const fd = openSync(scratch(), 'r');
    for (const [name, value] of Object.entries(values)) write.set(fd, Buffer.from(name), value);
    for (const name of [...Object.keys(values), 'user.bytes']) write.remove(fd, Buffer.from(name));

    expect(asText(read, fd)).toEqual({});
    closeSync(fd);
  });

  it('stays on a symbolic link and does not reach its target', () => {
    const target = scratch();
    symlinkSync(target, `${target}-link`);
    const fd = openAt(AT_FDCWD, zName(`${target}-link`), O.PATH | O.NOFOLLOW);
    write.set(magicPath(fd), Buffer.from('trusted.link'), Buffer.from('1'));

    expect(asText(read, magicPath(fd))).toEqual({ 'trusted.link': '31' });
    closeFd(fd);
    const file = openSync(target, 'r');
    expect(asText(read, file)).toEqual({});
    closeSync(file);
  });

  it('is refused by name and reason where the kernel refuses it', () => {
    const fd = openSync(scratch(), 'r');
    expect(() => write.set(fd, Buffer.from('nosuch.namespace'), Buffer.from('1'))).toThrow(
      /^cannot set extended attribute nosuch\.namespace: (EOPNOTSUPP|ENOTSUP)$/,
    );
    closeSync(fd);
  });
});

describe.each(Object.entries(backends))('reading with %s', (_, backend) => {
  it('passes over what belongs to one mounted overlay or repeats an ACL, and keeps the opaque mark', () => {
    const path = scratch();
    for (const name of ['overlay.origin', 'overlay.impure', 'overlay.opaque', 'SGI_ACL_FILE']) {
      execFileSync('setfattr', ['-n', `trusted.${name}`, '-v', 'y', path]);
    }
    const fd = openSync(path, 'r');

    expect(Object.keys(asText(backend, fd))).toEqual(['trusted.overlay.opaque']);
    closeSync(fd);
  });
});

describe('a name that is not UTF-8', () => {
  const name = Buffer.from('user.\xff\xfe', 'latin1');

  it('is kept byte for byte by system and refused by fs-xattr, which would corrupt it', () => {
    const fd = openSync(scratch(), 'r');
    systemXattrs.set(fd, name, Buffer.from('1'));

    expect(systemXattrs.read(fd)).toEqual([{ name, value: Buffer.from('1') }]);
    expect(() => fsXattrBackend().set(fd, name, Buffer.from('1'))).toThrow('user.%FF%FE: EILSEQ');
    closeSync(fd);
  });
});

describe('more attributes than the kernel lists at once', () => {
  it('are an error that comes with access list and capabilities', () => {
    const mounted = mountFilesystem('xfs', { mebibytes: 320 });
    const path = join(mounted.path, 'file');
    writeFileSync(path, '');
    const fd = openSync(path, 'r');
    try {
      const decisive = ['security.capability', 'system.posix_acl_access'];
      for (const name of decisive) systemXattrs.set(fd, Buffer.from(name), values[name]!);
      for (let i = 100; i < 400; i++) {
        systemXattrs.set(fd, Buffer.from(`user.${`${i}`.repeat(80)}`), Buffer.from('1'));
      }
      const failure = caught(() => systemXattrs.read(fd));

      expect(failure).toBeInstanceOf(XattrError);
      expect((failure as XattrError).found.map(({ name }) => name.toString())).toEqual(decisive);
      expect((failure as XattrError).message).toContain('E2BIG');
    } finally {
      closeSync(fd);
      mounted.unmount();
    }
  });
});

function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return null;
}

describe('names of a directory that changes while it is listed', () => {
  it('count once, also where the type is another the second time', () => {
    const once = ['a\x004', 'b\x008', 'c\x008'];

    expect(withoutRepeated(once)).toBe(once);
    expect(withoutRepeated(['a\x004', 'a\x008', 'b\x008', 'b\x008', 'bb\x008', 'c\x008'])).toEqual([
      'a\x004',
      'b\x008',
      'bb\x008',
      'c\x008',
    ]);
  });
});
