"""A file system over another that keeps names and takes no case for a difference: folding_mount.py BACK POINT

As exFAT, NTFS and SMB shares are. Prints a line when it is mounted, and ends when it is unmounted. It speaks the FUSE
protocol itself, so that no library is needed; it knows what a restore asks for, of files that are small.
"""

import ctypes
import errno
import os
import struct
import sys

(LOOKUP, GETATTR, SETATTR, READLINK, SYMLINK, MKDIR, UNLINK, RMDIR, RENAME, OPEN, READ, WRITE, STATFS, INIT, OPENDIR,
 READDIR, CREATE, RENAME2) = (1, 3, 4, 5, 6, 9, 10, 11, 12, 14, 15, 16, 17, 26, 27, 28, 35, 45)
NO_ANSWER = (2, 36, 42)  # FORGET, INTERRUPT, BATCH_FORGET
NOTHING_TO_DO = (18, 20, 25, 29, 30, 34, 50)  # RELEASE, FSYNC, FLUSH, RELEASEDIR, FSYNCDIR, ACCESS, SYNCFS
MODE, UID, GID, SIZE, ATIME, MTIME, NOW = 1, 2, 4, 8, 16, 32, 384

back, point = (os.path.abspath(path) for path in sys.argv[1:3])
device = os.open('/dev/fuse', os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
options = f'fd={device},rootmode=40755,user_id=0,group_id=0,default_permissions'.encode()
if libc.mount(b'folding', point.encode(), b'fuse.folding', 0, options) != 0:
    raise OSError(ctypes.get_errno(), 'cannot mount')
print('mounted', flush=True)
paths = {1: back}


def place(directory, name):
    name = os.fsdecode(name)
    there = [one for one in os.listdir(paths[directory]) if one.lower() == name.lower()]
    return os.path.join(paths[directory], (there or [name])[0])


def attributes(path):
    s = os.lstat(path)
    times = [divmod(ns, 10**9) for ns in (s.st_atime_ns, s.st_mtime_ns, s.st_ctime_ns)]
    return struct.pack('<QQQQQQIIIIIIIIII', s.st_ino, s.st_size, s.st_blocks, *(t[0] for t in times), *(t[1] for t in times),
                       s.st_mode, s.st_nlink, s.st_uid, s.st_gid, 0, 4096, 0)


def entry(path):
    node = os.lstat(path).st_ino + 1
    paths[node] = path
    return struct.pack('<QQQQII', node, 0, 0, 0, 0, 0) + attributes(path)


def absent(path):
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, path)
    return path


def set_attributes(path, data):
    valid, _, _, size, _, atime, mtime, _, atime_ns, mtime_ns, _, mode, _, uid, gid, _ = struct.unpack(
        '<IIQQQQQQIIIIIIII', data[:88])
    if valid & (UID | GID):
        os.chown(path, uid if valid & UID else -1, gid if valid & GID else -1, follow_symlinks=False)
    if valid & MODE:
        os.chmod(path, mode & 0o7777)
    if valid & SIZE:
        os.truncate(path, size)
    if valid & MTIME and not valid & NOW:
        os.utime(path, ns=(atime * 10**9 + atime_ns, mtime * 10**9 + mtime_ns), follow_symlinks=False)


def names(path, offset, size):
    out = b''
    for number, name in enumerate(sorted(os.listdir(path))[offset:], offset + 1):
        raw = os.fsencode(name)
        record = struct.pack('<QQII', 1, number, len(raw), 0) + raw
        record += bytes(-len(record) % 8)
        if len(out) + len(record) > size:
            break
        out += record
    return out


def answer(code, node, data):
    strings = lambda at: data[at:].split(b'\0')
    if code == INIT:
        return struct.pack('<IIIIHHIIHH8I', 7, 31, 1 << 16, 0, 0, 0, 65536, 1, 0, 0, *[0] * 8)
    if code == LOOKUP:
        return entry(place(node, strings(0)[0]))
    if code in (GETATTR, SETATTR):
        if code == SETATTR:
            set_attributes(paths[node], data)
        return struct.pack('<QII', 0, 0, 0) + attributes(paths[node])
    if code == READLINK:
        return os.readlink(os.fsencode(paths[node]))
    if code == SYMLINK:
        name, target = strings(0)[:2]
        path = absent(place(node, name))
        os.symlink(os.fsdecode(target), path)
        return entry(path)
    if code == MKDIR:
        path = absent(place(node, strings(8)[0]))
        os.mkdir(path, 0o700)
        return entry(path)
    if code in (UNLINK, RMDIR):
        (os.unlink if code == UNLINK else os.rmdir)(place(node, strings(0)[0]))
        return b''
    if code in (RENAME, RENAME2):
        before, after = strings(8 if code == RENAME else 16)[:2]
        to = place(struct.unpack('<Q', data[:8])[0], after)
        os.rename(place(node, before), to)
        entry(to)
        return b''
    if code in (OPEN, OPENDIR):
        return bytes(16)
    if code == CREATE:
        path = place(node, strings(16)[0])
        if struct.unpack('<I', data[:4])[0] & os.O_EXCL:
            absent(path)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        return entry(path) + bytes(16)
    if code in (READ, READDIR, WRITE):
        _, offset, size = struct.unpack('<QQI', data[:20])
        if code == READDIR:
            return names(paths[node], offset, size)
        with open(paths[node], 'rb' if code == READ else 'r+b') as file:
            file.seek(offset)
            return file.read(size) if code == READ else struct.pack('<II', file.write(data[40:40 + size]), 0)
    if code == STATFS:
        return struct.pack('<QQQQQIIII', 10**7, 10**7, 10**7, 10**6, 10**6, 4096, 255, 4096, 0) + bytes(24)
    if code in NOTHING_TO_DO:
        return b''
    raise OSError(errno.ENOSYS, 'unknown')


while True:
    try:
        request = os.read(device, 1 << 18)
    except OSError:
        break
    _, code, unique, node = struct.unpack_from('<IIQQ', request)
    if code in NO_ANSWER:
        continue
    try:
        body, failure = answer(code, node, request[40:]), 0
    except OSError as error:
        body, failure = b'', -(error.errno or errno.EIO)
    os.write(device, struct.pack('<IiQ', 16 + len(body), failure, unique) + body)
