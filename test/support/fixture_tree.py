"""Builds a tree that holds every kind of entry and attribute a Linux file system can carry.

Uses nothing but Python's own os module, so that what it makes is evidence independent of Holdfast. Two
builds on equal file systems are equal in all that compare_trees.py looks at. What a file system cannot
take (a symlink target of 4,095 bytes on XFS, an attribute of 64 KiB on ext4) is made as large as it can be.

usage: fixture_tree.py DIRECTORY [--files N]     the directory exists and is empty; needs root
"""

import argparse
import os
import stat
import struct
import sys

from fixture_entries import HIGHEST_ID, KIB, MIB, NOBODY, TIB, Tree, acl, content

SECOND = 10**9
# Seconds at which 32-bit clocks end, and the first and last that ext4 can hold.
MOMENTS = {
    b"zero": 0,
    b"one-nanosecond": 1,
    b"before-1970": -1_876_543_211,
    b"half-second-before-1970": -500_000_000,
    b"first-of-ext4": -(2**31) * SECOND,
    b"last-of-32-bits": (2**31 - 1) * SECOND + 999_999_999,
    b"after-2038": 2**31 * SECOND + 1,
    b"after-2106": 2**32 * SECOND + 123_456_789,
    b"last-of-ext4": 15_032_385_535 * SECOND,
}


def names(tree, options):
    tree.directory(b"names")
    for byte in range(1, 256):
        if bytes([byte]) not in (b"/", b"."):
            tree.file(b"names/" + bytes([byte]), b"%02x" % byte)
    odd = [
        b"-rf", b"--", b"--checkpoint-action=exec=sh", b" leading", b"trailing ", b"two\nlines", b"\n\n",
        b"...", b"..hidden", b"tab\there", b"back\\slash", b"\\n", b"quote'\"`", b"$(touch canary)", b"?*|<>:",
        b"%41%00%2F", b"\x1b[31mred\x1b[0m", b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"n\xc3\xa9", b"ne\xcc\x81",
        b"\xe2\x80\xaertl", b"CASE", b"case", b"COM1", b"PaxHeaders.0", b"GNUSparseFile.0",
    ]
    for name in odd:
        tree.file(b"names/" + name, name)
    tree.directory(b"names/directory\n\xff")
    tree.file(b"names/directory\n\xff/\xfe\n", b"below")
    for length in (99, 100, 101, 154, 155, 156, 255):
        tree.file(b"names/" + b"l" * length, b"%d" % length)
    tree.directory(b"names/" + b"d" * 255)
    tree.file(b"names/" + b"d" * 255 + b"/" + b"\xff" * 255, b"longest")


def deep(tree, options):
    """A path of about 8,000 bytes, which no call takes as a whole."""
    component = b"deep-" + b"x" * 195
    descriptor = os.open(tree.root, os.O_RDONLY)
    for _ in range(40):
        os.mkdir(component, 0o755, dir_fd=descriptor)
        below = os.open(component, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    file = os.open(b"bottom", os.O_WRONLY | os.O_CREAT, 0o640, dir_fd=descriptor)
    os.write(file, b"nine thousand leagues")
    os.fchown(file, NOBODY, NOBODY)
    os.setxattr(file, "user.deep", b"\x00\xff")
    os.close(file)
    os.symlink(b"bottom", b"link", dir_fd=descriptor)
    os.link(b"bottom", b"hard", src_dir_fd=descriptor, dst_dir_fd=descriptor)
    os.mkfifo(b"fifo", dir_fd=descriptor)
    os.mkdir(b"empty", dir_fd=descriptor)
    os.close(descriptor)


def symlinks(tree, options):
    tree.directory(b"symlinks")
    every_byte = bytes(range(1, 256))
    targets = {b"dangling": b"nowhere", b"absolute": b"/etc/passwd", b"up": b"../../../../etc/shadow",
               b"self": b"self", b"slash": b"nowhere/", b"newline": b"a\nb", b"bytes": every_byte,
               b"directory": b"../names", b"hundred": b"t" * 100, b"hundred-one": b"t" * 101}
    for name, target in targets.items():
        tree.symlink(b"symlinks/" + name, target, uid=1000, gid=1001)
    tree.largest((4095, 1023), lambda size: tree.symlink(b"symlinks/long", b"s" * size))
    tree.symlink(b"symlinks/owner", b"x", uid=HIGHEST_ID, gid=4_000_000_000)
    tree.symlink(b"symlinks/attributes", b"x", xattrs={"trusted.on-link": b"\x00link\n", "security.on-link": b"1"})


def sparse(tree, options):
    tree.directory(b"sparse")
    data = content(b"sparse", 64 * KIB)
    tree.holes(b"sparse/all-hole", 8 * MIB, [])
    tree.holes(b"sparse/hole-at-start", 8 * MIB, [(8 * MIB - 64 * KIB, data)])
    tree.holes(b"sparse/hole-at-end", 8 * MIB, [(0, data)])
    tree.holes(b"sparse/hole-between", 8 * MIB, [(0, data), (4 * MIB, data)])
    tree.holes(b"sparse/many", 16 * MIB, [(index * 128 * KIB, data) for index in range(128)])
    tree.holes(b"sparse/terabyte", TIB, [(TIB // 2, data[:4 * KIB])])
    tree.holes(b"sparse/odd-end", 9_663_676_421, [(MIB, data[:8 * KIB]), (9_663_676_416, b"12345")])
    tree.holes(b"sparse/600-mib", 600 * MIB, [(0, data), (300 * MIB, data * 16), (599 * MIB, data)])
    tree.file(b"sparse/zeros-that-are-data", bytes(MIB))
    tree.holes(b"sparse/hard-link", 4 * MIB, [(MIB, data)])
    tree.link(b"sparse/hard-link", b"sparse/hard-link-too")


def sizes(tree, options):
    tree.directory(b"sizes")
    edges = [0, 1, 511, 512, 513, 64 * KIB, 64 * KIB + 1, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB]
    for size in edges:
        tree.file(b"sizes/%d" % size, content(b"%d" % size, size))
    tree.file(b"sizes/compressible", b"the quick brown fox\n" * 100_000)
    tree.directory(b"many")
    for index in range(options.files):
        tree.file(b"many/%05d.txt" % index, b"%d\n" % index)
    tree.directory(b"empty")
    tree.directory(b"empty/within")
    tree.directory(b"empty/sticky", mode=0o1777)


def hard_links(tree, options):
    tree.directory(b"links")
    tree.directory(b"links/other")
    special = {b"fifo": stat.S_IFIFO, b"socket": stat.S_IFSOCK, b"device": stat.S_IFCHR}
    tree.file(b"links/file", b"shared", uid=1000, xattrs={"user.shared": b"1"})
    tree.symlink(b"links/symlink", b"file", uid=1000)
    tree.whiteout(b"links/whiteout", xattrs={"trusted.kept": b"on a whiteout"})
    for name, kind in special.items():
        tree.node(b"links/" + name, kind, os.makedev(1, 3) if name == b"device" else 0)
    for name in [b"file", b"symlink", b"whiteout", *special]:
        # One name sorts before the first, one lies in another directory.
        tree.link(b"links/" + name, b"links/0-" + name)
        tree.link(b"links/" + name, b"links/other/" + name)
    tree.file(b"links/popular", b"many names")
    for index in range(1000):
        tree.link(b"links/popular", b"links/other/popular-%04d" % index)
    tree.file(b"links/empty")
    tree.link(b"links/empty", b"links/empty-too")


def special(tree, options):
    tree.directory(b"special")
    tree.node(b"special/fifo", stat.S_IFIFO, mode=0o620, uid=1000)
    tree.node(b"special/socket", stat.S_IFSOCK, mode=0o777, gid=1000)
    tree.node(b"special/null", stat.S_IFCHR, os.makedev(1, 3), mode=0o666)
    tree.node(b"special/block", stat.S_IFBLK, os.makedev(300, 70_000), mode=0o640)
    for name in (b"fifo", b"socket", b"null"):
        os.setxattr(tree.path(b"special/" + name), "trusted.special", name)
    tree.directory(b"overlay", xattrs={"trusted.overlay.opaque": b"y"})
    tree.whiteout(b"overlay/removed")
    tree.whiteout(b"overlay/removed-too", xattrs={"trusted.note": b"\x00\x01"}, ns=123_456_789_987_654_321)
    # The overlay driver's own book-keeping for this very host: never captured, never compared.
    tree.directory(b"overlay/merged", xattrs={"trusted.overlay.impure": b"y", "trusted.overlay.origin": b"\x00\xfb\x21"})


def attributes(tree, options):
    tree.directory(b"xattrs", xattrs={"user.on-directory": b"\x00", "trusted.on-directory": b"t"})
    values = {b"empty": b"", b"nul": b"\x00", b"line-feed": b"a\nb\n", b"equals": b"=a=b", b"bytes": bytes(range(256))}
    for name, value in values.items():
        tree.file(b"xattrs/" + name, name, xattrs={"user.value": value, "trusted.value": value})
    for first in range(1, 256, 16):
        keys = [b"user.b" + bytes([byte]) + b"e" for byte in range(first, min(first + 16, 256))]
        tree.file(b"xattrs/name-%02x" % first, xattrs={key: key[6:7] for key in keys})
    odd = [b"user.a=b", b"user.a%3Db", b"user.%", b"user.\xff\xfe", b"user.new\nline", b"user." + b"n" * 250]
    tree.file(b"xattrs/odd-names", xattrs={key: b"odd" for key in odd})
    tree.file(b"xattrs/large")
    path = tree.path(b"xattrs/large")
    tree.largest((64 * KIB, 3500, 1500), lambda size: os.setxattr(path, "user.large", content(b"large", size)))
    tree.file(b"xattrs/mode-000", b"unreadable", mode=0, xattrs={"user.mode": b"000"})
    tree.file(b"xattrs/security", xattrs={"security.other": b"\x00\x01"})


def access_lists(tree, options):
    unknown = [(HIGHEST_ID, 5), (999_999, 6)]
    access, default = "system.posix_acl_access", "system.posix_acl_default"
    tree.directory(b"acls", mode=0o750, xattrs={default: acl(7, 5, 0, users=[(33, 7), (1000, 7)], mask=7)})
    tree.file(b"acls/inherited", b"has what the directory gives")
    tree.file(b"acls/plain", mode=0o604)
    os.removexattr(tree.path(b"acls/plain"), access)
    tree.file(b"acls/masked", xattrs={access: acl(7, 7, 4, users=[(33, 7)], groups=[(48, 6)], mask=4)})
    tree.file(b"acls/unknown", uid=1000, xattrs={access: acl(6, 4, 0, users=unknown, groups=[(888_888, 7)], mask=7)})
    tree.file(b"acls/owner-denied", uid=1000, xattrs={access: acl(0, 0, 0, users=[(33, 6)], mask=6)})
    tree.file(b"acls/setuid", uid=1000, mode=0o4755, xattrs={access: acl(7, 5, 5, users=[(33, 5)], mask=5)})
    tree.directory(b"acls/both", mode=0o2770, uid=1000, gid=1000)
    os.setxattr(tree.path(b"acls/both"), access, acl(7, 7, 0, users=unknown, mask=7))
    os.setxattr(tree.path(b"acls/both"), default, acl(7, 0, 0, groups=[(48, 5)], mask=5))
    tree.directory(b"acls/none")
    for key in (access, default):
        if key in os.listxattr(tree.path(b"acls/none")):
            os.removexattr(tree.path(b"acls/none"), key)
    tree.node(b"acls/fifo", stat.S_IFIFO)
    for name, mode in ((b"acls/hands-down", 0o755), (b"acls/hands-down-in-private", 0o700)):
        tree.directory(name, mode=mode)
        tree.file(name + b"/file", b"its directory holds something")
        os.setxattr(tree.path(name), default, acl(7, 5, 0, users=[(33, 5)], mask=5))


def modes(tree, options):
    tree.directory(b"modes")
    for mode in (0o0000, 0o0400, 0o0111, 0o0777, 0o4755, 0o2755, 0o6711, 0o2644, 0o1644, 0o7777):
        tree.file(b"modes/file-%04o" % mode, b"%o" % mode, mode=mode, uid=1000, gid=1000)
        tree.directory(b"modes/directory-%04o" % mode, mode=mode, uid=1000, gid=1000)
    for holder in (b"modes/directory-0000", b"modes/directory-0111"):
        tree.file(holder + b"/child", b"of an unreadable directory")
        tree.directory(holder + b"/below")
    for uid, gid in ((HIGHEST_ID, HIGHEST_ID), (4_000_000_000, 0), (2_097_152, 2_097_151), (0, 65_536)):
        tree.file(b"modes/owner-%d-%d" % (uid, gid), b"owned", uid=uid, gid=gid, mode=0o6755)
    bind_service = 1 << 10
    second = struct.pack("<5I", 0x02000001, bind_service, 0, 0, 0)
    third = struct.pack("<6I", 0x03000001, bind_service, 0, 0, 0, 1000)
    tree.file(b"modes/capable", b"\x7fELF", mode=0o755, uid=1000, xattrs={"security.capability": second})
    tree.file(b"modes/capable-in-namespace", b"\x7fELF", mode=0o755, xattrs={"security.capability": third})


def times(tree, options):
    tree.directory(b"times", ns=987_654_321_012_345_678)
    for name, ns in MOMENTS.items():
        tree.file(b"times/" + name, name, ns=ns)
        tree.directory(b"times/directory-" + name, ns=ns)
        tree.file(b"times/directory-" + name + b"/child", b"written before the directory's time is set")
        tree.symlink(b"times/symlink-" + name, name, ns=ns)
        tree.node(b"times/fifo-" + name, stat.S_IFIFO, ns=ns)
    tree.file(b"times/linked", ns=-1)
    tree.link(b"times/linked", b"times/linked-too")
    tree.times[tree.path(b"times/linked-too")] = -1


def root(tree, options):
    """Last: nothing in the tree has inherited the default list, so a restore must not let it either."""
    tree.dress(b"", uid=1234, gid=4321, mode=0o2751, ns=1_500_000_000_123_456_789)
    os.setxattr(tree.root, "user.root", b"attributes of the root itself")
    os.setxattr(tree.root, "system.posix_acl_access", acl(7, 5, 1, users=[(33, 5)], mask=5))
    os.setxattr(tree.root, "system.posix_acl_default", acl(7, 5, 0, users=[(33, 7)], mask=7))


CASES = [names, deep, symlinks, sparse, sizes, hard_links, special, attributes, access_lists, modes, times, root]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--files", type=int, default=3000, help="files in the one large directory")
    options = parser.parse_args()
    os.umask(0)
    tree = Tree(options.directory)
    if os.listdir(tree.root):
        sys.exit("%s is not empty" % options.directory)
    for case in CASES:
        case(tree, options)
    tree.settle()


if __name__ == "__main__":
    main()
