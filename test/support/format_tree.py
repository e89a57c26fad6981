"""Makes the tree whose backups lie in `test/fixtures/format-v1`, always the same.

usage: format_tree.py DIRECTORY STEP      STEP is 1, what the fulls have, or 2, what the incrementals have; what is in it goes
"""

import os
import shutil
import struct
import sys

BASE = 1_700_000_000_123_456_789


def acl(*entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def main():
    root, step = os.fsencode(sys.argv[1]), int(sys.argv[2])
    # The directory itself stays: it carries the account's UUID.
    os.makedirs(root, exist_ok=True)
    for name in os.listdir(root):
        shutil.rmtree(root + b"/" + name)
    made = []

    def put(name, content, mode=0o644, owner=(1001, 1002)):
        path = root + b"/" + name
        with open(path, "wb") as out:
            out.write(content)
        os.chown(path, *owner)
        os.chmod(path, mode)
        made.append(path)
        return path

    for name in (b"www", b"www/empty", b"mail"):
        os.mkdir(root + b"/" + name)
        made.append(root + b"/" + name)
    put(b"www/index.html", b"<h1>one</h1>\n" if step == 1 else b"<h1>two</h1>\n")
    put(b"www/large", b"".join(b"line %d of a larger file\n" % i for i in range(8000)))
    put(b"www/caf\xe9 \n.html", b"a name that is no UTF-8\n", mode=0o4755)
    if step == 1:
        put(b"www/gone", b"gone in the incremental\n")
    else:
        put(b"www/new", b"new in the incremental\n")
    names = put(b"mail/first name", b"one inode, two names\n")
    os.link(names, root + b"/mail/second name")
    os.symlink(b"../www/index.html", root + b"/mail/link")
    os.lchown(root + b"/mail/link", 1001, 1002)
    os.mkfifo(root + b"/mail/fifo", 0o600)
    sparse = put(b"mail/sparse", b"")
    with open(sparse, "r+b") as out:
        out.seek(1 << 20)
        out.write(b"x" * 4096)
        out.truncate(3 << 20)
    os.setxattr(root + b"/www", b"user.note", b"binary \0\xff value")
    os.setxattr(
        root + b"/www/index.html",
        b"system.posix_acl_access",
        acl((1, 6, 0xFFFFFFFF), (2, 4, 1003), (4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)),
    )
    for index, path in enumerate([*made, root + b"/mail/link", root + b"/mail/fifo"]):
        os.utime(path, ns=(BASE, BASE + index * 1_000_000_007), follow_symlinks=False)
    for path in (root + b"/www", root + b"/mail", root):
        os.utime(path, ns=(BASE, BASE + 99))


if __name__ == "__main__":
    main()
