/**
 * A comparer that overlooks something would hide every fault of that kind in the product, so each kind of
 * difference is planted once and must be the only one found.
 */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareTrees } from './compare-trees.ts';
import { type FilesystemKind, type MountedFilesystem, mountFilesystem } from './filesystems.ts';
import { buildFixtureTree } from './fixture-tree.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-compare-'));
const a = join(directory, 'a');
const b = join(directory, 'b');

/** Python that changes tree B, the paths and fields that differ then, and Python that mends it for the next. */
const planted: readonly (readonly [
  what: string,
  change: string,
  differences: readonly string[],
  mend: string,
])[] = [
  [
    'a missing file',
    'os.rename(p("many/00007.txt"), p("../kept"))',
    ['many/00007.txt missing'],
    'os.rename(p("../kept"), p("many/00007.txt"))',
  ],
  ['an extra directory', 'os.mkdir(p("empty/more"))', ['empty/more extra'], 'os.rmdir(p("empty/more"))'],
  [
    'a mode',
    'os.chmod(p("modes/file-4755"), 0o755)',
    ['modes/file-4755 mode'],
    'os.chmod(p("modes/file-4755"), 0o4755)',
  ],
  [
    'an owner of a symlink',
    'os.lchown(p("symlinks/self"), 1, 1001)',
    ['symlinks/self uid'],
    'os.lchown(p("symlinks/self"), 1000, 1001)',
  ],
  [
    'a group of the root',
    'os.chown(p(""), 1234, 1); os.chmod(p(""), 0o2751)',
    ['. gid'],
    'os.chown(p(""), 1234, 4321); os.chmod(p(""), 0o2751)',
  ],
  [
    'a nanosecond of a directory',
    'touch("times/directory-after-2106", 1)',
    ['times/directory-after-2106 mtime'],
    'touch("times/directory-after-2106", -1)',
  ],
  [
    'a nanosecond of a symlink',
    'touch("times/symlink-before-1970", 1)',
    ['times/symlink-before-1970 mtime'],
    'touch("times/symlink-before-1970", -1)',
  ],
  ['one byte', 'poke("sizes/9437184", 9000000)', ['sizes/9437184 content'], 'poke("sizes/9437184", 9000000)'],
  [
    'one byte far inside a sparse file',
    'poke("sparse/terabyte", 2**39 + 17)',
    ['sparse/terabyte content'],
    'poke("sparse/terabyte", 2**39 + 17)',
  ],
  [
    'data where a hole was',
    'fill("sparse/all-hole", 2**20)',
    ['sparse/all-hole holes'],
    'punch("sparse/all-hole")',
  ],
  [
    'a symlink target',
    'relink("symlinks/up", b"../../../../etc/shadoW")',
    ['symlinks/up target'],
    'relink("symlinks/up", b"../../../../etc/shadow")',
  ],
  [
    'an attribute value',
    'os.setxattr(p("xattrs/nul"), "user.value", b"")',
    ['xattrs/nul xattr'],
    'os.setxattr(p("xattrs/nul"), "user.value", b"\\0")',
  ],
  [
    'an attribute of a symlink',
    'os.removexattr(p("symlinks/attributes"), "security.on-link", follow_symlinks=False)',
    ['symlinks/attributes xattr'],
    'os.setxattr(p("symlinks/attributes"), "security.on-link", b"1", follow_symlinks=False)',
  ],
  [
    'a default ACL',
    'keep = os.getxattr(p(""), D); os.setxattr(p("empty"), D, keep)',
    ['empty xattr'],
    'os.removexattr(p("empty"), D)',
  ],
  [
    'an opaque mark',
    'os.removexattr(p("overlay"), "trusted.overlay.opaque")',
    ['overlay xattr'],
    'os.setxattr(p("overlay"), "trusted.overlay.opaque", b"y")',
  ],
  [
    'a lost hard link',
    'split("links/empty-too")',
    ['links/empty links', 'links/empty-too links'],
    'join("links/empty", "links/empty-too")',
  ],
];

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('compareTrees', () => {
  beforeAll(async () => {
    for (const tree of [a, b]) await buildFixtureTree(tree, { files: 20 });
  });

  it('finds no difference between two equal fixtures', async () => {
    const { entries, differences } = await compareTrees(a, b);

    expect(differences).toEqual([]);
    expect(entries).toBeGreaterThan(1500);
  });

  it.each(planted)('finds %s', async (_what, change, expected, mend) => {
    python(change);
    const { differences } = await compareTrees(a, b);
    python(mend);

    expect(differences.map(({ path, field }) => `${path} ${field}`)).toEqual(expected);
  });

  it('finds types and device numbers', async () => {
    const [from, to] = [join(directory, 'types-a'), join(directory, 'types-b')];
    execFileSync('sh', [
      '-c',
      'mkdir $0 $1; mknod $0/n c 1 3; mknod $1/n c 1 5; mkfifo $0/t; touch $1/t; touch -d @1 $0 $1 $0/n $1/n',
      from,
      to,
    ]);
    const { differences } = await compareTrees(from, to);

    expect(differences.map(({ path, field }) => `${path} ${field}`)).toEqual(['n device', 't type']);
  });

  it('leaves out what it is told to', async () => {
    const small = join(directory, 'small');
    cpSync(join(a, 'many'), small, { recursive: true });
    const { differences } = await compareTrees(join(a, 'many'), small, {
      ignore: ['00001.txt'],
      ignoreFields: ['mtime', 'uid', 'gid'],
    });

    expect(differences).toEqual([]);
  });
});

describe.each<FilesystemKind>(['xfs', 'tmpfs'])('the fixture on %s', (kind) => {
  let mounted: MountedFilesystem;
  beforeAll(() => {
    mounted = mountFilesystem(kind);
  });
  afterAll(() => mounted.unmount());

  it('differs from that in the temporary directory only where the file system cannot hold the same', async () => {
    await buildFixtureTree(a.replace(/a$/, kind), { files: 20 });
    await buildFixtureTree(join(mounted.path, 'tree'), { files: 20 });
    const { differences } = await compareTrees(a.replace(/a$/, kind), join(mounted.path, 'tree'));

    expect(['symlinks/long', 'xattrs/large']).toEqual(
      expect.arrayContaining(differences.map(({ path }) => path)),
    );
  });
});

function python(code: string): void {
  const helpers = `
import os, sys
root = sys.argv[1]
D = "system.posix_acl_default"
def p(name): return os.path.join(root, name)
def touch(name, by):
    ns = os.lstat(p(name)).st_mtime_ns + by
    os.utime(p(name), ns=(0, ns), follow_symlinks=False)
def keep(change):
    def kept(name, *rest):
        above = os.path.dirname(p(name))
        times = [(path, os.lstat(path).st_mtime_ns) for path in (p(name), above)]
        change(name, *rest)
        for path, ns in times: os.utime(path, ns=(0, ns), follow_symlinks=False)
    return kept
@keep
def poke(name, offset):
    file = os.open(p(name), os.O_RDWR)
    os.pwrite(file, bytes([os.pread(file, 1, offset)[0] ^ 1]), offset)
@keep
def fill(name, size): os.pwrite(os.open(p(name), os.O_WRONLY), bytes(size), 0)
@keep
def punch(name):
    size = os.path.getsize(p(name)); os.truncate(p(name), 0); os.truncate(p(name), size)
@keep
def relink(name, target):
    owner = os.lstat(p(name)); os.unlink(p(name)); os.symlink(target, p(name)); os.lchown(p(name), owner.st_uid, owner.st_gid)
@keep
def split(name):
    os.unlink(p(name)); os.close(os.open(p(name), os.O_CREAT, 0o644)); os.chmod(p(name), 0o644)
@keep
def join(name, other): os.unlink(p(other)); os.link(p(name), p(other))
above = [(d, os.lstat(d).st_mtime_ns) for d in (root, p("many"), p("empty"), p("links"), p("symlinks"))]
exec(sys.argv[2])
for path, ns in above: os.utime(path, ns=(0, ns))
`;
  execFileSync('python3', ['-c', helpers, b, code]);
}
