"""Compares two trees in everything a backup has to keep and prints each difference.

Reads through directory descriptors, so that paths beyond PATH_MAX are compared too. Looks at type, mode,
owner, size, content, holes, modification time, symlink target, device number, every extended attribute
and which names are one inode. Not at inode numbers, change and access times, nor directory sizes.

usage: compare_trees.py A B [--ignore PATH]... [--ignore-below PATH]... [--ignore-xattr NAME]...
                            [--ignore-field FIELD]... [--json]
Paths are relative to the roots. Exit status is 1 where there are differences.
"""

import argparse
import json
import os
import stat
import sys

FIELDS = ("type", "mode", "uid", "gid", "size", "content", "holes", "mtime", "target", "device", "xattr", "links")
# The overlay driver's own book-keeping for one host; XFS's second name for an ACL.
HOST_XATTRS = ("trusted.overlay.origin", "trusted.overlay.impure", "trusted.SGI_ACL_FILE", "trusted.SGI_ACL_DEFAULT")
OWN_XATTRS = "trusted.holdfast."
BLOCK = 1 << 20
# Allocation may differ by this much before it counts: file systems round in their own ways.
HOLE_SLACK = 64 << 10


def printable(raw):
    text = os.fsencode(raw).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text) or "."


class Comparison:
    def __init__(self, options):
        self.options = options
        self.ignored = {os.fsencode(path) for path in options.ignore}
        self.leaves = {os.fsencode(path) for path in options.ignore_below}
        self.differences = []
        self.entries = 0
        # Per side: inode -> its names, and name -> inode.
        self.inodes = ({}, {})

    def differ(self, path, field, a, b):
        if field not in self.options.ignore_field:
            self.differences.append((printable(path), field, str(a), str(b)))

    def directory(self, path, descriptors):
        names = [{os.fsencode(name) for name in os.listdir(descriptor)} for descriptor in descriptors]
        for name in sorted(names[0] | names[1]):
            below = path + b"/" + name if path else name
            if below in self.ignored:
                continue
            if name not in names[1]:
                self.differ(below, "missing", "present", "absent")
            elif name not in names[0]:
                self.differ(below, "extra", "absent", "present")
            else:
                self.entry(below, name, descriptors)

    def entry(self, path, name, parents):
        self.entries += 1
        stats = [os.stat(name, dir_fd=parent, follow_symlinks=False) for parent in parents]
        a, b = stats
        if stat.S_IFMT(a.st_mode) != stat.S_IFMT(b.st_mode):
            self.differ(path, "type", oct(stat.S_IFMT(a.st_mode)), oct(stat.S_IFMT(b.st_mode)))
            return
        self.attributes(path, name, parents, a, b)
        kind = stat.S_IFMT(a.st_mode)
        if kind == stat.S_IFDIR:
            if path not in self.leaves:
                self.descend(path, name, parents)
            return
        for side, found in enumerate(stats):
            if found.st_nlink > 1:
                self.inodes[side].setdefault((found.st_dev, found.st_ino), []).append(path)
        if kind == stat.S_IFREG:
            self.contents(path, name, parents, a, b)
        elif kind == stat.S_IFLNK:
            self.same(path, "target", *(printable(os.readlink(name, dir_fd=parent)) for parent in parents))
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            self.same(path, "device", a.st_rdev, b.st_rdev)

    def attributes(self, path, name, parents, a, b):
        self.same(path, "mode", oct(stat.S_IMODE(a.st_mode)), oct(stat.S_IMODE(b.st_mode)))
        self.same(path, "uid", a.st_uid, b.st_uid)
        self.same(path, "gid", a.st_gid, b.st_gid)
        self.same(path, "mtime", a.st_mtime_ns, b.st_mtime_ns)
        first, second = (self.xattrs(name, parent) for parent in parents)
        if first != second:
            for key in sorted(first.keys() | second.keys()):
                values = [side[key].hex() if key in side else None for side in (first, second)]
                if values[0] != values[1]:
                    self.differ(path, "xattr", *("%s=%s" % (printable(key), value) for value in values))

    def xattrs(self, name, parent):
        # Through the directory's magic link: the last component is still not followed.
        path = b"/proc/self/fd/%d/%s" % (parent, name)
        found = {}
        for key in os.listxattr(path, follow_symlinks=False):
            if key in HOST_XATTRS or key.startswith(OWN_XATTRS) or key in self.options.ignore_xattr:
                continue
            found[key] = os.getxattr(path, key, follow_symlinks=False)
        return found

    def descend(self, path, name, parents):
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        descriptors = [os.open(name, flags, dir_fd=parent) for parent in parents]
        try:
            self.directory(path, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def contents(self, path, name, parents, a, b):
        if a.st_size != b.st_size:
            self.differ(path, "size", a.st_size, b.st_size)
            return
        if a.st_size == 0 or (a.st_ino, a.st_dev) == (b.st_ino, b.st_dev):
            return
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NOATIME
        files = [os.open(name, flags, dir_fd=parent) for parent in parents]
        try:
            self.data(path, files, a, b)
        finally:
            for file in files:
                os.close(file)

    def data(self, path, files, a, b):
        sparse = any(s.st_blocks * 512 < s.st_size for s in (a, b))
        maps = [data_map(file, a.st_size) for file in files] if sparse else [[(0, a.st_size)]] * 2
        where = first_difference(files, union(*maps))
        if where is not None:
            self.differ(path, "content", "byte %d" % where, "differs")
        stored = [sum(end - start for start, end in one) for one in maps]
        if abs(stored[0] - stored[1]) > HOLE_SLACK + stored[0] // 10:
            self.differ(path, "holes", "%d bytes of data" % stored[0], "%d bytes of data" % stored[1])

    def same(self, path, field, a, b):
        if a != b:
            self.differ(path, field, a, b)

    def links(self):
        """Reports each name whose set of fellow names differs."""
        fellows = [{path: group for group in side.values() for path in group} for side in self.inodes]
        for path in sorted(fellows[0].keys() | fellows[1].keys()):
            groups = [side.get(path, [path]) for side in fellows]
            if groups[0] != groups[1]:
                self.differ(path, "links", *(linked_as(group) for group in groups))


def linked_as(group):
    return "%d names, first %s" % (len(group), printable(group[0]))


def data_map(file, size):
    """Where a file has data, as (start, end) pairs."""
    segments, position = [], 0
    while position < size:
        try:
            start = os.lseek(file, position, os.SEEK_DATA)
        except OSError:
            break
        position = os.lseek(file, start, os.SEEK_HOLE)
        segments.append((start, min(position, size)))
    return segments


def union(first, second):
    """What either has, without overlaps; what neither has reads as zeros in both."""
    merged = []
    for start, end in sorted(first + second):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def first_difference(files, segments):
    for start, end in segments:
        for offset in range(start, end, BLOCK):
            length = min(BLOCK, end - offset)
            a, b = (os.pread(file, length, offset) for file in files)
            if a != b:
                return offset + next((i for i, pair in enumerate(zip(a, b)) if pair[0] != pair[1]), min(len(a), len(b)))
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("a")
    parser.add_argument("b")
    for name in ("ignore", "ignore-below", "ignore-xattr"):
        parser.add_argument("--" + name, action="append", default=[])
    parser.add_argument("--ignore-field", action="append", default=[], choices=FIELDS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sys.setrecursionlimit(20_000)
    comparison = Comparison(options)
    roots = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (options.a, options.b)]
    comparison.attributes(b"", b".", roots, *(os.fstat(fd) for fd in roots))
    comparison.directory(b"", roots)
    comparison.links()
    if options.json:
        keys = ("path", "field", "a", "b")
        differences = [dict(zip(keys, difference)) for difference in comparison.differences]
        print(json.dumps({"entries": comparison.entries, "differences": differences}))
    else:
        for path, field, a, b in comparison.differences:
            print("%s: %s: %s -> %s" % (path, field, a[:200], b[:200]))
        print("%d differences" % len(comparison.differences))
    sys.exit(1 if comparison.differences else 0)


if __name__ == "__main__":
    main()
