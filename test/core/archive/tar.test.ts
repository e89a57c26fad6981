/** Headers as GNU tar reads them: it is the witness, our own reader is not. */

import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  decimalTime,
  endOfArchive,
  padding,
  sparseMap,
  TarEncoder,
  type TarMember,
} from '../../../src/core/archive/tar.ts';

const base: TarMember = {
  type: '0',
  path: Buffer.from('t/file'),
  linkPath: null,
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeSeconds: 1_600_000_000,
  mtimeNanoseconds: 0,
  size: 0,
  ranges: null,
  rdevMajor: 0,
  rdevMinor: 0,
  xattrs: [],
  flags: 0,
};

const header = (change: Partial<TarMember>, map: Buffer | null = null): Buffer =>
  Buffer.from(new TarEncoder().header({ ...base, ...change }, map));

/** What `tar -tv` prints of an archive made of these blocks, and its complaints. */
function listed(
  blocks: readonly Buffer[],
  ...options: readonly string[]
): { lines: string[]; complaints: string } {
  const args = ['-tvf', '-', '--numeric-owner', '--full-time', '--utc', '--quoting-style=escape', ...options];
  const { stdout, stderr } = spawnSync('tar', args, { input: Buffer.concat([...blocks, endOfArchive]) });
  return { lines: stdout.toString().trim().split('\n'), complaints: stderr.toString() };
}

/** Kind, mode, owner, size, date, time and name, blanks made single. */
const only = (change: Partial<TarMember>): string => listed([header(change)]).lines[0]!.replace(/ +/g, ' ');

describe('a member header', () => {
  it.each<[string, Partial<TarMember>, string]>([
    ['a file', {}, '-rw-r--r-- 0/0 0 2020-09-13 12:26:40 t/file'],
    ['setuid and sticky bits', { mode: 0o5711 }, '-rws--x--t 0/0 0 2020-09-13 12:26:40 t/file'],
    [
      'the largest ids of a plain header',
      { uid: 0o7777777, gid: 0o7777777 },
      '-rw-r--r-- 2097151/2097151 0 2020-09-13 12:26:40 t/file',
    ],
    [
      'ids beyond it',
      { uid: 4294967294, gid: 2097152 },
      '-rw-r--r-- 4294967294/2097152 0 2020-09-13 12:26:40 t/file',
    ],
    ['nanoseconds', { mtimeNanoseconds: 1 }, '-rw-r--r-- 0/0 0 2020-09-13 12:26:40.000000001 t/file'],
    [
      'a year beyond 2242',
      { mtimeSeconds: 0o77777777777 + 1 },
      '-rw-r--r-- 0/0 0 2242-03-16 12:56:32 t/file',
    ],
    ['a directory', { type: '5', path: Buffer.from('t/d/') }, 'drw-r--r-- 0/0 0 2020-09-13 12:26:40 t/d/'],
    [
      'a device',
      { type: '4', rdevMajor: 300, rdevMinor: 70_000 },
      'brw-r--r-- 0/0 300,70000 2020-09-13 12:26:40 t/file',
    ],
    [
      'a link',
      { type: '2', linkPath: Buffer.from('x y') },
      'lrw-r--r-- 0/0 0 2020-09-13 12:26:40 t/file -> x y',
    ],
    [
      'a name of 100 bytes',
      { path: Buffer.alloc(100, 'n') },
      `-rw-r--r-- 0/0 0 2020-09-13 12:26:40 ${'n'.repeat(100)}`,
    ],
    [
      'a name of 101 bytes',
      { path: Buffer.alloc(101, 'n') },
      `-rw-r--r-- 0/0 0 2020-09-13 12:26:40 ${'n'.repeat(101)}`,
    ],
    [
      'a target of 4,095 bytes',
      { type: '2', linkPath: Buffer.alloc(4095, 'l') },
      `lrw-r--r-- 0/0 0 2020-09-13 12:26:40 t/file -> ${'l'.repeat(4095)}`,
    ],
    [
      'a name that is not UTF-8',
      { path: Buffer.from('t/\xff\n', 'latin1') },
      '-rw-r--r-- 0/0 0 2020-09-13 12:26:40 t/\\377\\n',
    ],
  ])('carries %s', (_, change, line) => {
    expect(only(change)).toBe(line);
  });

  it('carries sizes that eleven octal digits hold, and larger ones, and the member after them is found', () => {
    const largest = 0o77777777777;

    // Only the header is given: the size is what tar prints before it misses the data.
    expect(listed([header({ size: largest })]).lines[0]).toMatch(/ 8589934591 /);
    expect(listed([header({ size: largest + 1 })]).lines[0]).toMatch(/ 8589934592 /);
    expect(listed([header({ size: 9_007_199_254_740_991 })]).lines[0]).toMatch(/ 9007199254740991 /);
  });

  it('has a record whose length counts its own digits where they grow by one', () => {
    for (let length = 80; length < 110; length++) {
      const { lines, complaints } = listed(
        [header({ path: Buffer.alloc(length, 'ü') })],
        '--show-transformed-names',
      );
      expect(complaints.replace(/.*hdrcharset.*\n/, '')).toBe('');
      expect(lines).toHaveLength(1);
    }
  });
});

describe('the map of a sparse member', () => {
  it.each<[string, { offset: number; length: number }[], number]>([
    ['all hole', [], 10_000],
    ['a hole at the end', [{ offset: 0, length: 512 }], 2 ** 40],
    ['a hole at the start', [{ offset: 1024, length: 100 }], 1124],
    ['many', Array.from({ length: 200 }, (_, i) => ({ offset: i * 8192, length: 512 })), 200 * 8192],
  ])('is what GNU tar restores the holes from: %s', (_, ranges, size) => {
    const map = sparseMap(ranges, size);
    const data = Buffer.alloc(
      ranges.reduce((sum, { length }) => sum + length, 0),
      'd',
    );
    const after = header({ path: Buffer.from('t/after') });
    const { lines, complaints } = listed([
      header({ size, ranges }, map),
      map,
      data,
      Buffer.alloc(padding(data.length)),
      after,
    ]);

    expect(map.length % 512).toBe(0);
    expect(complaints).toBe('');
    expect(lines.map((line) => line.split(/ +/)[2])).toEqual([String(size), '0']);
    expect(lines.map((line) => line.split(' ').at(-1))).toEqual(['t/file', 't/after']);
  });
});

describe('attributes', () => {
  it('that exceed 1 MiB together are named as omitted, and bsdtar still reads what follows', () => {
    const xattrs = Array.from({ length: 40 }, (_, i) => ({
      name: Buffer.from(`user.${i}`),
      value: Buffer.alloc(65_000, i),
    }));
    const encoder = new TarEncoder();
    const first = Buffer.from(encoder.header({ ...base, xattrs }, null));
    const { omitted } = encoder;
    const archive = Buffer.concat([first, header({ path: Buffer.from('t/after') }), endOfArchive]);

    expect(omitted.length).toBeGreaterThan(20);
    expect(omitted).toContain('user.39');
    expect(execFileSync('bsdtar', ['-tf', '-'], { input: archive, encoding: 'utf8' })).toBe(
      't/file\nt/after\n',
    );
  });

  it('have ACLs in both forms, and = and % of a name escaped as GNU tar does', () => {
    const acl = Buffer.from(
      '0200000001000600ffffffff0200040021000000040004 00ffffffff10000400ffffffff20000400ffffffff'.replace(
        ' ',
        '',
      ),
      'hex',
    );
    const text = header({
      xattrs: [
        { name: Buffer.from('system.posix_acl_access'), value: acl },
        { name: Buffer.from('user.a=b%'), value: Buffer.from('v\n=') },
      ],
    }).toString('latin1');

    expect(text).toContain('SCHILY.acl.access=user::rw-,user:33:r--,group::r--,mask::r--,other::r--\n');
    expect(text).toContain('SCHILY.xattr.system.posix_acl_access=\x02');
    expect(text).toContain('SCHILY.xattr.user.a%3Db%25=v\n=\n');
  });
});

describe('decimalTime', () => {
  it.each([
    [0, 0, '0.000000000'],
    [-1, 999_999_999, '-0.000000001'],
    [-2, 250_000_000, '-1.750000000'],
    [-2, 0, '-2.000000000'],
    [15_032_385_535, 1, '15032385535.000000001'],
  ])('of %d and %d', (seconds, nanoseconds, text) => {
    expect(decimalTime(seconds, nanoseconds)).toBe(text);
  });
});
