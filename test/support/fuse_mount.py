"""A directory of a FUSE server that tells who opens it: fuse_mount.py POINT [allow_other]

Prints a line when it is mounted, and one for each attempt to read names there, which it refuses. (A hostile server
would not answer.) Ends when it is unmounted. It speaks the protocol itself, so that no library is needed.
"""

import ctypes
import os
import struct
import sys

GETATTR, INIT, OPENDIR = 3, 26, 27
NO_ANSWER = (2, 36, 42)  # FORGET, INTERRUPT, BATCH_FORGET

point, *more = sys.argv[1:]
device = os.open('/dev/fuse', os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
options = ','.join([f'fd={device},rootmode=40000,user_id=65534,group_id=65534', *more]).encode()
if libc.mount(b'test', point.encode(), b'fuse.test', 0, options) != 0:
    raise OSError(ctypes.get_errno(), 'cannot mount')
print('mounted', flush=True)
# An hour of validity, then attributes: inode 1, a directory of root with two links.
attributes = struct.pack('<QII', 3600, 0, 0) + struct.pack(
    '<QQQQQQIIIIIIIIII', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0
)
greeting = struct.pack('<IIIIHHIIHH8I', 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, *[0] * 8)
while True:
    try:
        request = os.read(device, 1 << 17)
    except OSError:
        break
    _, operation, unique = struct.unpack_from('<IIQ', request)
    if operation in NO_ANSWER:
        continue
    if operation == OPENDIR:
        print('opened', flush=True)
    body = {GETATTR: attributes, INIT: greeting}.get(operation, b'')
    error = 0 if body else -38  # ENOSYS
    os.write(device, struct.pack('<IiQ', 16 + len(body), error, unique) + body)
