"""Makes single entries with all their attributes, and sets every time when all else is done.

Uses nothing but Python's own os module, so that what it makes is evidence independent of Holdfast.
"""


import errno
import hashlib
import os
import stat
import struct
import zlib

KIB, MIB, TIB = 1 << 10, 1 << 20, 1 << 40
NOBODY = 65534
HIGHEST_ID = 4294967294
# The second of every time that is not given explicitly; the nanoseconds differ by name.
DEFAULT_NS = 1_600_000_000 * 10**9


def content(name, size):
    """Deterministic bytes that do not compress."""
    return hashlib.shake_128(name).digest(size)


def acl(user_obj, group_obj, other, users=(), groups=(), mask=None):
    """A POSIX ACL as system.posix_acl_* holds it."""
    none = 0xFFFFFFFF
    entries = [(1, user_obj, none)] + [(2, perm, uid) for uid, perm in sorted(users)]
    entries += [(4, group_obj, none)] + [(8, perm, gid) for gid, perm in sorted(groups)]
    entries += [] if mask is None else [(16, mask, none)]
    entries += [(32, other, none)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


class Tree:
    """Makes entries below a root; remembers the times that are to be set when all else is done."""

    def __init__(self, root):
        self.root = os.fsencode(root)
        self.times = {}

    def path(self, name):
        return os.path.join(self.root, name) if name else self.root

    def file(self, name, data=b"", **attributes):
        descriptor = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            target.write(data)
        self.dress(name, **{"mode": 0o644, **attributes})

    def holes(self, name, size, segments):
        """A file of `size` bytes that has data at `segments` (offset, bytes) and holes elsewhere."""
        self.file(name)
        with open(self.path(name), "r+b") as target:
            target.truncate(size)
            for offset, data in segments:
                target.seek(offset)
                target.write(data)

    def directory(self, name, **attributes):
        os.mkdir(self.path(name))
        self.dress(name, **{"mode": 0o755, **attributes})

    def symlink(self, name, target, **attributes):
        os.symlink(target, self.path(name))
        self.dress(name, **attributes)

    def node(self, name, kind, device=0, **attributes):
        os.mknod(self.path(name), kind | 0o600, device)
        self.dress(name, **attributes)

    def whiteout(self, name, **attributes):
        self.node(name, stat.S_IFCHR, 0, mode=0, **attributes)

    def link(self, existing, name):
        os.link(self.path(existing), self.path(name), follow_symlinks=False)

    def dress(self, name, uid=0, gid=0, mode=None, xattrs=(), ns=None):
        """Owner first: a change of owner clears setuid bits and capabilities."""
        path = self.path(name)
        os.chown(path, uid, gid, follow_symlinks=False)
        if mode is not None:
            os.chmod(path, mode)
        for key, value in dict(xattrs).items():
            os.setxattr(path, key, value, follow_symlinks=False)
        if ns is not None:
            self.times[path] = ns

    def largest(self, sizes, make):
        """Calls `make` with the first of `sizes` that the file system takes."""
        for size in sizes:
            try:
                return make(size)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.E2BIG, errno.ENAMETOOLONG, errno.ERANGE):
                    raise
        raise OSError(errno.ENOSPC, "nothing of %r fits" % (sizes,))

    def settle(self):
        """Sets every time, contents before their directory."""
        for base, directories, files, descriptor in os.fwalk(self.root, topdown=False):
            for name in directories + files:
                self.stamp(os.path.join(base, name), name, descriptor)
        self.stamp(self.root, self.root, None)

    def stamp(self, path, name, descriptor):
        ns = self.times.get(path, DEFAULT_NS + zlib.crc32(path[len(self.root):]) % 10**9)
        if path not in self.times and os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_nlink > 1:
            # Which of an inode's names comes last is up to the file system.
            ns = DEFAULT_NS
        os.utime(name, ns=(DEFAULT_NS, ns), dir_fd=descriptor, follow_symlinks=False)
