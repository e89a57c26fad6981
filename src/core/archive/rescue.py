#!/usr/bin/env python3
"""Reads a Holdfast store without Holdfast.

Something is broken and you want your files back. You need this file, the store or a copy of it (reading is enough,
nothing in it is ever changed), Python 3.6 or newer and the program `zstd`; where snapshots are encrypted also `age` and
your identity file, or the rows of the recovery sheet typed into one. Be root, or owners and devices are lost.

    cd /path/to/the/store
    python3 rescue.py list
    python3 rescue.py restore latest --account example.com --to /root/rescued
    python3 rescue.py restore site12-20261121T031500Z-0123456789ab --to /root/rescued --path shadow/var/www
    python3 rescue.py verify latest --account site12
    python3 rescue.py restore latest --account example.com --to /root/rescued --identity admin.key
    python3 rescue.py restore latest --account example.com --to /root/rescued --signer KEY

Every file is compared with its SHA-256. What is damaged or cannot be restored is named on a line of its own that
begins with "problem:", the rest goes on, and the exit status is 1 in the end (0: all is well, 2: stopped, the last line says why).

How it fits together: a manifest (three lines of JSON) names the root of an index; the root names pages; a page holds
entries (a file's metadata and hash) and extents (which bytes of which object are its content); an object is a tar
made of zstd frames, and the root says how long each frame is. Objects whose names end in .age are age files to a key of
their account, which lies in keys/ as an age file to the administrators. All this is described in docs/format.md.
"""

import argparse
import base64
import bisect
import collections
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time

KNOWN_FORMAT = 1
KNOWN_FEATURES = ['age']
LINKED, HAS_XATTRS = 4, 16  # of an entry's flags, those that matter here
CHATTR = 128 | 256 | 512    # and these, eight times what the kernel has for chattr's i, a and d
FORBIDS = 128 | 256         # of those, what lets nothing be made or changed any more
GET_FLAGS, SET_FLAGS = 0x80086601, 0x40086602  # FS_IOC_GETFLAGS and FS_IOC_SETFLAGS of Linux
ACLS = ('system.posix_acl_access', 'system.posix_acl_default')
IDENTITY = re.compile(r'(?m)^(?:AGE-(?:SECRET-KEY|PLUGIN)-|-----BEGIN [A-Z ]*PRIVATE KEY-----)')  # what age takes
SHEET_ROW = re.compile(r'(?m)^([1-3])[^\S\n]*[:.)][^\S\n]*(\S[^\n]*)')
SHEET_ALPHABET = 'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L'
KEY = re.compile(r'\d{5}-\d{1,5}-[0-9a-f]{8}\.age')
MANIFEST = re.compile(r'(\d{8})-(\d{8}T\d{6}Z)-([a-z]+)-([a-z]+)-([0-9a-f]{12})(?:-r([1-9]\d{0,4}))?\.manifest')
MANIFEST_LIMIT = 64 << 20  # bytes
FRAME_LIMIT = 64 << 20   # bytes; the format says 4 MiB, more than this is nonsense
CACHED_FRAMES = 16       # decompressed frames of about 4 MiB kept in memory
DECRYPTED = 6            # objects kept decrypted in the scratch directory, up to 512 MiB each
STREAMS = 4              # zstd processes kept running, one per object
SKIP_FRAMES = 8          # a gap up to this is cheaper to read over than to start zstd again
RUN_OF_PAGES = 32        # index pages that lie side by side are decompressed by one process
OPEN_DIRECTORIES = 200   # deeper ones are opened again when needed
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Damaged(Exception):
    """A part of the store is missing or is not what its hash says. The rest may be fine."""


class Untrusted(Damaged):
    """It is whole, and signed by nobody who was named."""


class Locked(Damaged):
    """It is encrypted, and no identity opens a key of its account."""


class Gone(Damaged):
    """It is encrypted, and the store has not the key that it names."""


class Stop(Exception):
    """There is no point in going on."""


class NoRoom(Stop):
    """The scratch directory is full."""


problems = 0


def show(name):
    """A name fit for a terminal: what is not UTF-8 or not printable becomes \\xNN. Accounts choose these names."""
    text = name.decode('utf-8', 'backslashreplace') if isinstance(name, bytes) else str(name)
    return ''.join(c if c.isprintable() else c.encode('unicode_escape', 'replace').decode() for c in text)


def say(text, stream=None):
    stream = stream or sys.stdout
    encoding = stream.encoding or 'ascii'
    stream.write(text.encode(encoding, 'backslashreplace').decode(encoding) + '\n')
    stream.flush()


def note(text):
    say('note: ' + text, sys.stderr)


def counted():
    return '1 problem' if problems == 1 else '%d problems' % problems


def problem(text):
    global problems
    problems += 1
    say('problem: ' + text, sys.stderr)


# ---- Small parts of the format -------------------------------------------------------------------------------------


class Fields:
    """Reads varints and byte strings one after the other."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def varint(self):
        value = shift = 0
        try:
            while True:
                byte = self.data[self.at]
                self.at += 1
                value |= (byte & 127) << shift
                shift += 7
                if value >> 64 or shift > 70:
                    raise Damaged('a number is longer than 64 bits')
                if byte < 128:
                    return value
        except IndexError:
            raise Damaged('it ends too early')

    def zigzag(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def take(self, count):
        piece = self.data[self.at:self.at + count]
        if len(piece) != count:
            raise Damaged('it ends too early')
        self.at += count
        return piece

    def bytes(self):
        return self.take(self.varint())


def components(path):
    """Splits a path (bytes). Refuses what could lead out of the target: "..", ".", empty, absolute, NUL."""
    parts = path.split(b'/')
    for part in parts:
        if part in (b'', b'.', b'..') or b'\0' in part:
            raise Damaged('unsafe path ' + show(path))
    return parts


def file_name(text):
    """A name from the manifest as a file name: percent-encoded but for [A-Za-z0-9_.-]; never "." or ".."."""
    data = text.encode('utf-8', 'surrogatepass')
    name = ''.join(chr(b) if re.match(rb'[A-Za-z0-9_.-]', bytes([b])) else '%%%02X' % b for b in data)
    return (name.replace('.', '%2E') if name in ('.', '..') else name or '%').encode()


def database_file_name(text):
    """A database's name as the base of a file's name: dots are encoded too, so that it is no text beside another one's.

    One of more than 200 characters is cut to 180, "~" and 16 hex digits of the SHA-256 of its bytes.
    """
    name = file_name(text).replace(b'.', b'%2E')
    if name == b'_joint':
        return b'%5Fjoint'
    if len(name) > 200:
        name = name[:180] + b'~' + hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16].encode()
    return name


class Zstd:
    """A `zstd -d` that reads a file of the store from one byte on. Frames follow each other, so it runs to the end."""

    def __init__(self, path, offset=0):
        self.file = open(path, 'rb', buffering=0)
        self.file.seek(offset)
        self.process = subprocess.Popen(['zstd', '-dcq'], stdin=self.file, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.next = 0  # number of the frame that comes out next; kept by Objects

    def read(self, count):
        return self.process.stdout.read(count)

    def finish(self):
        """Waits for the end; true where zstd was content with every checksum."""
        self.process.stdout.close()
        self.file.close()
        return self.process.wait() == 0

    def kill(self):
        self.process.kill()
        self.finish()


def unzstd(data):
    """Decompresses a few small frames; None where zstd refuses them."""
    done = subprocess.run(['zstd', '-dcq'], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else None


# ---- Signatures ----------------------------------------------------------------------------------------------------
# Verification of Ed25519 as RFC 8032, section 5.1, has it. Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.
# Slow, some ten milliseconds each, and nothing in it is secret.

PRIME = 2 ** 255 - 19
ORDER = 2 ** 252 + 27742317777372353535851937790883648493
CURVE_D = -121665 * pow(121666, PRIME - 2, PRIME) % PRIME


def add_points(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % PRIME
    f = (a[1] + a[0]) * (b[1] + b[0]) % PRIME
    g = 2 * a[3] * b[3] * CURVE_D % PRIME
    h = 2 * a[2] * b[2] % PRIME
    return ((f - e) * (h - g) % PRIME, (h + g) * (f + e) % PRIME, (h - g) * (h + g) % PRIME, (f - e) * (f + e) % PRIME)


def times(number, point):
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = add_points(total, point)
        point = add_points(point, point)
        number >>= 1
    return total


def point_of(data):
    """The point that 32 bytes stand for, or None."""
    y = int.from_bytes(data, 'little')
    odd, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(CURVE_D * y * y + 1, PRIME - 2, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if x * x % PRIME != square:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    if len(data) != 32 or y >= PRIME or x * x % PRIME != square or (x == 0 and odd):
        return None
    x = x if x & 1 == odd else PRIME - x
    return (x, y, 1, x * y % PRIME)


BASE = point_of((4 * pow(5, PRIME - 2, PRIME) % PRIME).to_bytes(32, 'little'))


def signature_fits(key, signature, data):
    """Whether `signature` (64 bytes) was made over `data` with the private half of `key` (32 bytes)."""
    a, r = point_of(key), point_of(signature[:32])
    s = int.from_bytes(signature[32:], 'little')
    if a is None or r is None or len(signature) != 64 or s >= ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + data).digest(), 'little') % ORDER
    left, right = times(s, BASE), add_points(r, times(h, a))
    return all((left[i] * right[2] - right[i] * left[2]) % PRIME == 0 for i in (0, 1))


def check_signature(seal, data, signers):
    """Raises Untrusted where none of `signers` (hex) made the signature in a seal over `data`."""
    try:
        key, signature = bytes.fromhex(seal['key']), bytes.fromhex(seal['signature'])
    except (KeyError, TypeError, ValueError):
        raise Untrusted('it is not signed')
    if key.hex() not in signers:
        raise Untrusted('it is signed with %s, which was not named' % key.hex())
    if not signature_fits(key, signature, data):
        raise Damaged('its signature does not fit')


# ---- Encryption ----------------------------------------------------------------------------------------------------


class Keys:
    """Opens what is encrypted, with `age`. Account keys and decrypted objects lie in a scratch directory that only this
    user can read and that goes at the end."""

    def __init__(self, folder, identities):
        self.folder, self.identities = folder, identities
        self.opened = None                          # files of identities without passphrases, once they were wanted
        self.scratch = None
        self.accounts = {}                          # (server, owner) -> file with their identities, or None
        self.objects = collections.OrderedDict()    # path -> decrypted file

    def place(self, name):
        if not self.scratch:
            try:
                self.scratch = tempfile.mkdtemp(prefix='rescue-')
            except OSError as error:
                raise Stop('there is no directory for what is decrypted: %s (see TMPDIR)' % (error.strerror or error))
        return os.path.join(self.scratch, name)

    def keep(self, path, data):
        try:
            with open(path, 'wb') as file:
                file.write(data)
        except OSError as error:
            raise Stop('%s: %s (see TMPDIR)' % (show(path), error.strerror))

    def age(self, identities, source, target, data=None, quiet=True):
        """Whether it was opened. What fails leaves nothing behind, and says so where there was no room for it."""
        arguments = [part for identity in identities for part in ('-i', identity)]
        named = ['--', source] if source else []
        if subprocess.run(['age', '-d', '-o', target] + arguments + named, input=data,
                          stderr=subprocess.DEVNULL if quiet else None).returncode == 0:
            return True
        if os.path.exists(target):
            os.unlink(target)
        self.require_room(os.path.getsize(source) if source else len(data))
        return False

    def require_room(self, size):
        """An object is hardly larger than what age makes of it."""
        path = self.place('room')
        try:
            with open(path, 'wb') as file:
                os.posix_fallocate(file.fileno(), 0, max(size, 4096))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                return
            raise NoRoom('no room to decrypt %d bytes in %s: make room there, or name another directory by TMPDIR' % (
                size, show(os.path.dirname(self.scratch))))
        finally:
            if os.path.exists(path):
                os.unlink(path)

    def administrators(self):
        """The identity files given. Each under a passphrase is opened once, or age would ask for every key."""
        if self.opened is None:
            self.opened, self.quiet = [], True
            for number, path in enumerate(self.identities):
                try:
                    with open(path, 'rb') as file:
                        text, given = file.read(), path
                except OSError as error:
                    raise Stop('the identity %s cannot be read: %s' % (show(path), error.strerror))
                if not os.path.isfile(path):  # a pipe gives it once
                    path = self.place('given-%d' % number)
                    self.keep(path, text)
                if text.lstrip().startswith((b'age-encryption.org/', b'-----BEGIN AGE ENCRYPTED FILE-----')):
                    opened = self.place('identity-%d' % number)
                    if not self.age([], path, opened, quiet=False):
                        raise Stop('the identity %s was not opened: a wrong passphrase?' % show(given))
                    path, text = opened, read_whole(opened)
                clean = lines_of(text)
                if not IDENTITY.search(clean):
                    clean = key_of_sheet(clean, show(given))
                if clean.encode() != text:
                    path = self.place('clean-%d' % number)
                    self.keep(path, clean.encode())
                # A plugin may have something to say to whoever holds its key.
                self.quiet = self.quiet and b'AGE-PLUGIN-' not in text
                self.opened.append(path)
        return self.opened

    def account(self, server, owner):
        """An identity file with all keys of an account. Of each key the highest revision that opens counts."""
        place = os.path.join(self.folder, 'keys', server, owner)
        if (server, owner) not in self.accounts:
            if not self.identities:
                raise Stop('this snapshot is encrypted: give --identity FILE')
            opened = self.place('account-%d' % len(self.accounts))
            found = b''
            # Every revision: one that was planted may bear the name of another key.
            for name in sorted(os.listdir(place)) if os.path.isdir(place) else []:
                path = os.path.join(place, name)
                if KEY.fullmatch(name) and os.path.isfile(path) and self.age(self.administrators(), path, opened,
                                                                             quiet=self.quiet):
                    with open(opened, 'rb') as file:
                        found += file.read().rstrip(b'\n') + b'\n'
            if found:
                self.keep(opened, found)
            self.accounts[server, owner] = opened if found else None
        if self.accounts[server, owner] is None:
            raise Locked(self.why_locked((server, owner)))
        return self.accounts[server, owner]

    def names(self, server, owner):
        place = os.path.join(self.folder, 'keys', server, owner)
        return [name for name in os.listdir(place) if KEY.fullmatch(name)] if os.path.isdir(place) else []

    def why_locked(self, *places):
        """Of accounts, (server, owner), that all have keys, or none."""
        where = 'keys/%s/%s' % tuple(map(show, places[0])) if len(places) == 1 else 'keys/ of %d accounts' % len(places)
        if self.names(*places[0]):
            return 'no identity given opens a key in %s' % where
        return 'there is no key in %s: %s erased, or the store is not whole' % (
            where, 'the account was' if len(places) == 1 else 'they were')

    def body(self, server, owner, encryption, line):
        opened = self.place('body')
        if not self.age([self.account(server, owner)], None, opened, data=base64.b64decode(line)):
            # Only now: whoever planted a manifest may have named any key.
            key = re.compile(r'%05d-\d{1,5}-%s\.age' % (encryption['epoch'], re.escape(encryption['pair'])))
            if not any(key.fullmatch(name) for name in self.names(server, owner)):
                raise Gone('the key %05d-*-%s.age, which opens it, is not in keys/%s/%s' % (
                    encryption['epoch'], show(encryption['pair']), show(server), show(owner)))
            raise Damaged('its body cannot be decrypted')
        with open(opened, 'rb') as file:
            return file.read()

    def object(self, key, path):
        if path in self.objects:
            self.objects.move_to_end(path)
            return self.objects[path]
        if not os.path.exists(path):
            raise Damaged('%s: No such file or directory' % show(key))
        opened = self.place('object-%s' % hashlib.sha256(path.encode('utf-8', 'surrogatepass')).hexdigest())
        place = key.split('/')
        try:
            fine = len(place) == 4 and self.age([self.account(*place[1:3])], path, opened)
        except NoRoom:
            if not self.objects:
                raise
            while self.objects:
                os.unlink(self.objects.popitem()[1])
            fine = self.age([self.account(*place[1:3])], path, opened)
        if not fine:
            raise Damaged('%s cannot be decrypted: it is damaged, or its key is not there' % show(key))
        self.objects[path] = opened
        while len(self.objects) > DECRYPTED:
            os.unlink(self.objects.popitem(last=False)[1])  # whoever reads it has it open
        return opened

    def close(self):
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)


# ---- The store and its manifests -----------------------------------------------------------------------------------

Snapshot = collections.namedtuple('Snapshot', 'key server owner sequence utc short revision header body')


def lines_of(data):
    """Text as a person typed or pasted it: without the mark some editors begin a file with, and what surrounds lines."""
    return '\n'.join(line.strip() for line in data.decode('utf-8-sig', 'replace').split('\n'))


def key_of_sheet(text, shown):
    """The identity, as age takes it, of a recovery sheet that was typed back."""
    rows, key = dict(SHEET_ROW.findall(text)), ''
    if not rows:
        raise Stop('%s holds no identity: neither a line AGE-SECRET-KEY-1... nor the rows of a recovery sheet' % shown)
    for number, length in (1, 20), (2, 20), (3, 18):
        row = re.sub(r'[\s-]', '', rows.get(str(number), '').upper())
        row = row.replace('O', '0').replace('B', '8').replace('I', 'L').replace('1', 'L')
        digest = hashlib.sha256(('holdfast sheet %d%s' % (number, row[:length])).encode()).digest()
        if row[length:] != ''.join(SHEET_ALPHABET[byte % 32] for byte in digest[:4]):
            raise Stop('row %d of the recovery sheet is missing or mistyped in %s' % (number, shown))
        key += row[:length]
    return 'AGE-SECRET-KEY-1%s\n' % key


class Store:
    """A directory with `manifests`, `index` and `data` in it. Only ever read."""

    def __init__(self, folder, keys, signers=()):
        self.folder, self.keys, self.signers = folder, keys, signers
        self.damaged = []  # (server, owner, text, is erased) of manifests that cannot be used
        self.found = None  # the snapshots, once they were looked for
        if not os.path.isdir(os.path.join(folder, 'manifests')):
            raise Stop('%s is no store (it has no directory "manifests"): go there, or use --store DIR' % show(folder))
        try:
            identity = parsed(read_whole(os.path.join(folder, 'holdfast.json')))
            if not isinstance(identity, dict):
                raise Damaged('it is no JSON object')
            warn_unknown('holdfast.json', identity)
        except (OSError, Damaged) as error:
            problem('holdfast.json cannot be read, going on without it: %s' % error)

    def stored(self, key):
        """Where an object lies. Keys come from manifests and indexes, so they are checked like any other path."""
        components(key.encode('utf-8', 'surrogatepass'))
        return os.path.join(self.folder, key)

    def path(self, key):
        """A file with what an object holds, decrypted where it is encrypted."""
        path = self.stored(key)
        return self.keys.object(key, path) if key.endswith('.age') else path

    def read(self, key, offset, length):
        try:
            with open(self.path(key), 'rb') as file:
                file.seek(offset)
                data = file.read(length)
        except OSError as error:
            raise Damaged('%s: %s' % (show(key), error.strerror))
        if len(data) != length:
            raise Damaged('%s is too short' % show(key))
        return data

    def snapshots(self):
        """All snapshots, each in its highest revision that is whole and trusted; those that no identity opens have
        no body. The other manifests are put into self.damaged."""
        if self.found is not None:
            return self.found
        found = {}
        for server in self.folders('manifests'):
            for owner in self.folders('manifests', server):
                for name in sorted(os.listdir(os.path.join(self.folder, 'manifests', server, owner))):
                    key = 'manifests/%s/%s/%s' % (server, owner, name)
                    match = MANIFEST.fullmatch(name)
                    if not match:
                        continue  # a temporary file, or something that is not ours
                    sequence, utc, level, state, short, revision = match.groups()
                    try:
                        header, body = self.manifest(key)
                        said = [header[name] for name in
                                ('server', 'owner', 'sequence', 'level', 'state', 'id', 'revision')]
                        began = re.sub(r'\.\d+|[-:]', '', header['startedAt'])
                        if said != [server, owner, int(sequence), level, state, short, int(revision or 0)] or began != utc:
                            raise Damaged('its contents belong under another name')
                    except Damaged as error:
                        erased = isinstance(error, Gone) and self.names_erased(server, owner, short)
                        what = ('not trusted' if isinstance(error, Untrusted) else 'of an erased account' if erased
                                else 'locked' if isinstance(error, Gone) else 'damaged')
                        text = 'manifest %s is %s: %s' % (show(key), what, error)
                        self.damaged.append((server, owner, text, erased))
                        continue
                    snapshot = Snapshot(key, server, owner, header['sequence'], utc, short, header['revision'],
                                        header, body)
                    other = found.get((server, owner, short))
                    if other is None or other.revision < snapshot.revision:
                        found[server, owner, short] = snapshot
        self.found = sorted(found.values(), key=lambda s: (s.owner, s.header['addin']['id'], s.sequence, s.utc))
        return self.found

    def names_erased(self, server, owner, short):
        """Whether an erasure names the snapshot. That decides only how it is told of."""
        place = os.path.join(self.folder, 'events', server, owner)
        try:
            return any(b'"%s"' % short.encode() in read_whole(os.path.join(place, name))
                       for name in os.listdir(place) if '-erasure-' in name)
        except (OSError, Damaged):
            return False

    def folders(self, *names):
        place = os.path.join(self.folder, *names)
        return sorted(name for name in os.listdir(place) if os.path.isdir(os.path.join(place, name)))

    def manifest(self, key):
        """Header and body, after the seal has been checked over the exact bytes."""
        try:
            lines = read_whole(os.path.join(self.folder, key)).split(b'\n')
        except OSError as error:
            raise Damaged(error.strerror)
        if len(lines) != 4 or lines[3] != b'':
            raise Damaged('it does not have three lines')
        seal = parsed(lines[2])
        sealed = lines[0] + b'\n' + lines[1] + b'\n'
        if not isinstance(seal, dict) or seal.get('sha256') != hashlib.sha256(sealed).hexdigest():
            raise Damaged('its seal does not fit')
        if self.signers:
            check_signature(seal, sealed, self.signers)
        header = parsed(lines[0])
        check_shape(header, HEADER, 'line 1')
        body = lines[1]
        if header.get('encryption'):
            # Nothing of what it says is believed: its name, which is compared later, is where its keys lie.
            server, owner = key.split('/')[1:3]
            try:
                if not self.keys.identities:
                    return header, {}  # locked: what the header says is all there is
                body = self.keys.body(server, owner, header['encryption'], body)
            except Locked:
                return header, {}
            except ValueError as error:
                raise Damaged('its body is no base64 (%s)' % error)
        body = parsed(body)
        check_shape(body, BODY, 'line 2')
        for part in body['components']:
            if part['type'] == 'database' and part['state'] == 'complete':
                check_shape(part, DATABASE, 'a database')
        return header, body

    def report_damaged(self, place=None):
        """Names the damaged manifests, all or those of one (server, owner). Returns whether there are any; what was erased
        is none."""
        told = [one for one in self.damaged if place is None or place == one[:2]]
        for _, _, text, erased in told:
            (note if erased else problem)(text)
        return any(not erased for _, _, _, erased in told)


def read_whole(path):
    """A small object. Whoever can write to the store can put there what has no end."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), 'rb') as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Damaged('it is no file')
        data = file.read(MANIFEST_LIMIT + 1)
    if len(data) > MANIFEST_LIMIT:
        raise Damaged('it is too long')
    return data


def parsed(data):
    try:
        return json.loads(data.decode('utf-8'))
    except (ValueError, RecursionError) as error:
        raise Damaged('it is not JSON as it should be (%s)' % error)


# What manifests must hold so that none of them stops what goes over all. A name with "?" may be absent or null; a list
# of one shape holds any number of such.
OBJECTS = [{'number': int, 'key': str, 'size': int, 'sha256': str}]
HEADER = {
    'server': str, 'owner': str, 'id': str, 'lineage': str, 'sequence': int, 'revision': int, 'level': str,
    'state': str, 'startedAt': str, 'committedAt': str, 'digest': str, 'previous?': str, 'features?': [str],
    'addin': {'id': str, 'name': str}, 'encryption?': {'epoch': int, 'pair': str}, 'objects': OBJECTS,
    'references': OBJECTS,
}
BODY = {
    'account': {'site': str, 'domain?': str, 'aliases?': [str]},
    'components': [{
        'type': str, 'name': str, 'state': str, 'sha256?': str, 'instance?': str, 'databases?': [str], 'format?': str,
        'object?': int, 'plainBytes?': int,
        'besides?': [{'suffix': str, 'object': int, 'plainBytes': int, 'sha256': str}],
    }],  # and of a database DATABASE
    'counts?': {'bytes?': int}, 'warningCounts?': dict, 'contentRoot?': str, 'salt?': str,
    'index?': {'object': int, 'offset': int, 'length': int, 'sha256': str},
}
DATABASE = {'instance': str, 'databases': [str], 'format': str, 'plainBytes': int, 'sha256': str}


def check_shape(value, shape, what):
    """Raises Damaged where `value` is not shaped like `shape`."""
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise Damaged('%s is no list' % what)
        for part in value:
            check_shape(part, shape[0], 'a part of ' + what)
    elif isinstance(shape, dict):
        if not isinstance(value, dict):
            raise Damaged('%s is no object' % what)
        for name, wanted in shape.items():
            below = value.get(name.rstrip('?'))
            if below is not None or not name.endswith('?'):
                check_shape(below, wanted, '"%s" of %s' % (name.rstrip('?'), what))
    elif not isinstance(value, shape) or isinstance(value, bool):
        raise Damaged('%s is not what it should be' % what)


def warn_unknown(what, document):
    features = document.get('features')
    unknown = [name for name in features if name not in KNOWN_FEATURES] if isinstance(features, list) else [features]
    if document.get('format') != KNOWN_FORMAT or unknown:
        note('%s: format %r with features %r is newer than this program. It reads on, but may read wrongly: '
             'look for a newer rescue.py.' % (what, document.get('format'), document.get('features')))


def site_of(snapshot):
    return str((snapshot.body.get('account') or {}).get('site', '?' if snapshot.body else snapshot.owner))


def id_of(snapshot):
    return '%s-%s-%s' % (site_of(snapshot), snapshot.utc, snapshot.short)


def ids_of(snapshot):
    """As it is shown, and as it is shown where no identity opens it."""
    return [id_of(snapshot), id_of(snapshot._replace(body={}))]


def is_account(snapshot, wanted):
    account = snapshot.body.get('account') or {}
    names = [account.get('site'), account.get('domain'), snapshot.owner, snapshot.server + '/' + snapshot.owner]
    return wanted.lower() in [str(name).lower() for name in names + list(account.get('aliases') or []) if name]


def newest(snapshots):
    """The highest sequence of each lineage, and of those the one committed last (sequences of two lineages, as two
    addin configurations have them, cannot be compared). One that is dated ahead of the clock counts as committed
    when the newest before it in its lineage was. Also what is passed over for that."""
    last, past = {}, {}
    for snapshot in snapshots:
        lineage = (snapshot.header['addin']['id'], snapshot.header['lineage'])
        rank = (snapshot.sequence, snapshot.header['committedAt'])
        if lineage not in last or (last[lineage].sequence, last[lineage].header['committedAt']) < rank:
            last[lineage] = snapshot
        if not is_ahead(snapshot):
            past[lineage] = max(past.get(lineage, ''), rank[1])

    def place(lineage):
        snapshot = last[lineage]
        committed = snapshot.header['committedAt']
        return (past.get(lineage, '') if is_ahead(snapshot) else committed, committed, snapshot.sequence)

    found = last[max(last, key=place)]
    return found, [s for s in last.values() if is_ahead(s) and s.header['committedAt'] > found.header['committedAt']]


def is_ahead(snapshot):
    """By more than clocks differ: only a clock that was wrong can have seen that instant."""
    return snapshot.header['startedAt'] > time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(time.time() + 3600))


def of_account(snapshots, wanted):
    """The snapshots of one account. A domain may have had several accounts: the one that has it now is meant."""
    places = collections.defaultdict(list)
    for snapshot in snapshots:
        places[snapshot.server, snapshot.owner].append(snapshot)
    fitting = [p for p in places if any(is_account(s, wanted) for s in places[p])]
    if len(fitting) > 1:
        # Exports of databases alone bear the account's domain, under a site of their own.
        fitting = [p for p in fitting if not site_of(newest(places[p])[0]).endswith('.databases')] or fitting
    if len(fitting) > 1:
        fitting = [p for p in fitting if is_account(newest(places[p])[0], wanted)] or fitting
    if len(fitting) > 1:
        times = {p: newest(places[p])[0].header['committedAt'] for p in fitting}
        raise Stop('%s fits several accounts; use one of:%s' % (show(wanted), ''.join(
            '\n  --account %s/%s (newest snapshot: %s)' % (p + (show(times[p]),))
            for p in sorted(fitting, key=times.get, reverse=True))))
    return places[fitting[0]] if fitting else []


def choose(store, wanted, account):
    every = store.snapshots()
    candidates = of_account(every, account) if account else every
    if account and not candidates:
        store.report_damaged()
        locked = len({(s.server, s.owner) for s in every if not s.body})
        if not locked:
            raise Stop('no snapshot of account %s; `python3 rescue.py list` shows what there is' % show(account))
        why = 'no identity given opens' if store.keys.identities else 'give --identity FILE to open'
        raise Stop('no account whose name can be read is called %s; %s those of %d accounts (a UUID needs no name)'
                   % (show(account), why, locked))
    if wanted == 'latest':
        if not account:
            raise Stop('latest needs --account')
        found, ahead = newest(candidates)
        fitting = [found]
        for other in ahead:
            note('%s is dated ahead of the clock, so the latest is %s; name the other where it is meant' % (
                show(id_of(other)), show(id_of(found))))
    else:
        fitting = [s for s in candidates if wanted in ids_of(s) + [s.short]]
        fitting = fitting or [s for s in candidates if any(name.startswith(wanted) for name in ids_of(s))]
    if len(fitting) != 1:
        store.report_damaged()
        raise Stop('%s fits %s: %s' % (show(wanted), 'several snapshots' if fitting else 'no snapshot',
                                       ', '.join(show(id_of(s)) for s in fitting) or 'try `list`'))
    if not fitting[0].body:
        if not store.keys.identities:
            raise Stop('%s is encrypted: give --identity FILE' % show(id_of(fitting[0])))
        store.keys.account(fitting[0].server, fitting[0].owner)  # says which keys no identity opens
    if store.report_damaged((fitting[0].server, fitting[0].owner)):
        what = 'latest is the newest whole one, ' if wanted == 'latest' else 'an earlier revision may be meant: '
        note('those were passed over: %s%s' % (what, show(fitting[0].key)))
    return fitting[0]


# ---- Objects: bytes of a tar, found through the frame table --------------------------------------------------------

Object = collections.namedtuple('Object', 'key size sha256 plain packed')  # plain, packed: where each frame begins


class Objects:
    """Reads ranges of the tars inside objects, decompressing only the frames that are needed.

    Files are mostly read in the order in which they were stored, so a zstd process per object is left running and
    gives the frames that follow; frames used lately are kept.
    """

    def __init__(self, store):
        self.store = store
        self.table = {}
        self.frames = collections.OrderedDict()   # (object number, frame number) -> bytes
        self.streams = collections.OrderedDict()  # object number -> Zstd
        self.bad = {}                             # (object number, frame number) -> why

    def pieces(self, number, offset, length):
        """Yields (bytes, None) or, where a frame is damaged, (its length, why)."""
        entry, end = self.table.get(number), offset + length
        if entry is None or end > entry.plain[-1]:
            yield length, 'object %d is unknown or shorter than that' % number
            return
        frame = bisect.bisect_right(entry.plain, offset) - 1
        while offset < end:
            stop = min(end, entry.plain[frame + 1])
            try:
                begin = entry.plain[frame]
                yield memoryview(self.frame(number, frame))[offset - begin:stop - begin], None
            except Damaged as error:
                yield stop - offset, str(error)
            offset = stop
            frame += 1

    def frame(self, number, frame):
        if (number, frame) in self.frames:
            self.frames.move_to_end((number, frame))
            return self.frames[number, frame]
        if (number, frame) in self.bad:
            raise Damaged(self.bad[number, frame])
        stream = self.streams.pop(number, None)
        if stream and not stream.next <= frame <= stream.next + SKIP_FRAMES:
            stream.kill()
            stream = None
        data = None
        try:
            if stream:
                data = self.advance(number, stream, frame)
            if data is None:  # no process there, or one that stopped at a damaged frame before: begin at this one
                stream = Zstd(self.store.path(self.table[number].key), self.table[number].packed[frame])
                stream.next = frame
                data = self.advance(number, stream, frame)
            if data is None:
                raise Damaged('frame %d of %s is damaged' % (frame, show(self.table[number].key)))
        except OSError as error:
            self.bad[number, frame] = '%s: %s' % (show(self.table[number].key), error.strerror)
            raise Damaged(self.bad[number, frame])
        except Damaged as error:
            self.bad[number, frame] = str(error)
            raise
        self.streams[number] = stream
        while len(self.streams) > STREAMS:
            self.streams.popitem(last=False)[1].kill()
        return data

    def advance(self, number, stream, frame):
        """Reads frames up to the wanted one. None, and the process is gone, where zstd stops before its end."""
        plain = self.table[number].plain
        while True:
            length = plain[stream.next + 1] - plain[stream.next]
            if length > FRAME_LIMIT:
                stream.kill()
                raise Damaged('a frame of %d bytes is too large' % length)
            data = stream.read(length)
            if len(data) != length:
                stream.kill()
                return None
            self.frames[number, stream.next] = data
            while len(self.frames) > CACHED_FRAMES:
                self.frames.popitem(last=False)
            stream.next += 1
            if stream.next > frame:
                return data


# ---- Index: root, pages, entries -----------------------------------------------------------------------------------

Page = collections.namedtuple('Page', 'object offset length plain count digest first')
Content = collections.namedtuple('Content', 'size digest extents')  # extents: [offset in file, length, object, offset]


class Entry:
    """One name in a tree with all that belongs to it. `content` is None but for regular files that are not linked."""

    __slots__ = ('path', 'parts', 'flags', 'mode', 'uid', 'gid', 'mtime_ns', 'inode', 'xattrs', 'content', 'target',
                 'device')


class Index:
    """The index of one snapshot. Pages are decompressed when they are needed."""

    def __init__(self, store, snapshot):
        self.store = store
        self.objects = Objects(store)
        self.keys = {}
        self.links = collections.OrderedDict()  # link pages used lately: number -> {(device, inode): Content}
        self.trees, self.pages, self.link_pages = [], [], []
        self.place, self.content_root = snapshot.body.get('index'), snapshot.body.get('contentRoot')
        for item in snapshot.header['objects'] + snapshot.header['references']:
            self.keys[item['number']] = item['key']
        try:
            self.open()
        except Damaged as error:  # exports can be had without it
            self.place, self.trees, self.pages, self.link_pages = None, [], [], []
            problem('the index is damaged, so no tree can be read (RESTORE.md tells how tar may help): %s' % error)

    def open(self):
        if self.place:
            raw = self.store.read(self.keys.get(self.place['object'], ''), self.place['offset'], self.place['length'])
            if hashlib.sha256(raw).hexdigest() != self.place['sha256']:
                raise Damaged('the root of the index does not fit its hash')
            self.read_root(Fields(unzstd(raw) or b''))
            digests = b''.join(page.digest for page in self.pages + self.link_pages)
            if hashlib.sha256(digests).hexdigest() != self.content_root:
                problem('the content root in the manifest does not fit the index')

    def read_root(self, root):
        version = root.varint()
        if version != 1:
            note('version %d of the index root is newer than this program, it may read wrongly' % version)
        for _ in range(root.varint()):
            self.trees.append((root.bytes(), root.varint()))
        for _ in range(root.varint()):
            number, key, _kind, _epoch, size = root.varint(), root.bytes(), root.varint(), root.varint(), root.varint()
            digest, _start, _sealed = root.take(32), root.varint(), root.bytes()  # age finds its payload itself
            plain, packed = [0], [0]
            for _ in range(root.varint()):
                packed.append(packed[-1] + root.varint())
                plain.append(plain[-1] + root.varint())
            self.objects.table[number] = Object(key.decode('utf-8', 'replace'), size, digest, plain, packed)
        first = b''
        for _ in range(root.varint()):
            place = [root.varint() for _ in range(5)]
            digest, shared = root.take(32), root.varint()
            first = first[:shared] + root.bytes()
            self.pages.append(Page(*place, digest, first.split(b'/')))
        for _ in range(root.varint()):
            place = [root.varint() for _ in range(5)]
            self.link_pages.append(Page(*place, root.take(32), (root.varint(), root.varint())))

    def device_of(self, path):
        for name, device in self.trees:
            if path == name or path.startswith(name + b'/'):
                return device
        raise Damaged('it lies in no tree of the index')

    def unpacked(self, pages):
        """Yields (page, its bytes or None). Pages that lie side by side share one zstd process."""
        at = 0
        while at < len(pages):
            run = [pages[at]]
            for page in pages[at + 1:at + RUN_OF_PAGES]:
                if page.object != run[0].object or page.offset != run[-1].offset + run[-1].length:
                    break
                run.append(page)
            at += len(run)
            plain = self.unpack(run)
            for page in run:
                if plain is None:
                    yield page, self.unpack([page])
                else:
                    yield page, plain[:page.plain]
                    plain = plain[page.plain:]

    def unpack(self, run):
        entry = self.objects.table.get(run[0].object)
        try:
            raw = self.store.read(entry.key if entry else '', run[0].offset, sum(page.length for page in run))
        except Damaged:
            return None
        plain = unzstd(raw)
        return plain if plain is not None and len(plain) == sum(page.plain for page in run) else None

    def parts_of(self, page, data):
        """The two parts of a page, the first compared with its hash."""
        if data is None:
            entry = self.objects.table.get(page.object)
            raise Damaged('it cannot be read from %s' % (show(entry.key) if entry else 'object %d' % page.object))
        fields = Fields(data)
        entries = fields.take(fields.varint())
        if hashlib.sha256(entries).digest() != page.digest:
            raise Damaged('it does not fit its hash')
        return Fields(entries), Fields(data[fields.at:])

    def entries(self, wanted=None):
        """Yields the entries in the order of paths: all, or those in `wanted` (lists of components) and above it."""
        chosen = []
        for number, page in enumerate(self.pages):
            after = self.pages[number + 1].first if number + 1 < len(self.pages) else None
            if wanted is None or any(overlaps(page.first, after, parts) for parts in wanted):
                chosen.append(page)
        previous = []
        for page, data in self.unpacked(chosen):
            try:
                found = self.entries_of(page, data)
            except (Damaged, OverflowError, ValueError) as error:
                problem('index page beginning with %s is damaged, its %d entries are lost: %s'
                        % (show(b'/'.join(page.first)), page.count, error))
                continue
            for entry in found:
                try:
                    entry.parts = components(entry.path)
                    if entry.parts <= previous:
                        raise Damaged('%s is not in order, it is left out' % show(entry.path))
                except Damaged as error:
                    problem(str(error))
                    continue
                previous = entry.parts
                if wanted is None or any(related(entry.parts, parts) for parts in wanted):
                    yield entry

    def entries_of(self, page, data):
        fields, extents = self.parts_of(page, data)
        found, path = [], b''
        while fields.at < len(fields.data):
            entry = Entry()
            shared = fields.varint()
            entry.path = path = path[:shared] + fields.bytes()
            entry.flags, entry.mode, entry.uid, entry.gid = (fields.varint() for _ in range(4))
            entry.mtime_ns = fields.zigzag() * 1000000000 + fields.varint()
            fields.zigzag(), fields.varint()  # ctime, which nobody can restore
            entry.inode = fields.varint()
            entry.xattrs, entry.content, entry.target, entry.device = {}, None, b'', 0
            if entry.flags & HAS_XATTRS:
                for _ in range(fields.varint()):
                    name = os.fsdecode(fields.bytes())
                    entry.xattrs[name] = fields.bytes()
            if stat.S_ISREG(entry.mode) and not entry.flags & LINKED:
                entry.content = content(fields, extents)
            elif stat.S_ISLNK(entry.mode):
                entry.target = fields.bytes()
            elif stat.S_ISCHR(entry.mode) or stat.S_ISBLK(entry.mode):
                major = fields.varint()
                entry.device = os.makedev(major, fields.varint())
            found.append(entry)
        if len(found) != page.count or found[0].path != b'/'.join(page.first):
            raise Damaged('it does not hold what the root says')
        return found

    def linked(self, device, inode):
        """The content of a linked file, from its link page."""
        number = bisect.bisect_right([page.first for page in self.link_pages], (device, inode)) - 1
        if number < 0:
            raise Damaged('it has no link record')
        if number not in self.links:
            page, data = next(self.unpacked([self.link_pages[number]]))
            fields, extents = self.parts_of(page, data)
            records = {}
            while fields.at < len(fields.data):
                key = (fields.varint(), fields.varint())
                fields.bytes()  # the name under which the tar holds it
                records[key] = content(fields, extents)
            self.links[number] = records
            while len(self.links) > 8:
                self.links.popitem(last=False)
        if (device, inode) not in self.links[number]:
            raise Damaged('it has no link record')
        return self.links[number][device, inode]

    def pour(self, file, write):
        """Reads a file's content and gives write(bytes, offset) its pieces. Returns why it is damaged, or None.

        Goes on after a damaged frame, so that all that can be had is written. A file with holes has another hash:
        each range of data is preceded by its offset and length.
        """
        ranges = []
        for offset, length, _number, _at in file.extents:
            if ranges and sum(ranges[-1]) == offset:
                ranges[-1] = (ranges[-1][0], ranges[-1][1] + length)
            else:
                ranges.append((offset, length))
        if ranges and sum(ranges[-1]) > file.size:
            return 'its extents are longer than the file'
        starts = {} if ranges in ([], [(0, file.size)]) else dict(ranges)
        digest, why = hashlib.sha256(), None
        for offset, length, number, at in file.extents:
            if offset in starts:
                digest.update(struct.pack('<QQ', offset, starts[offset]))
            for piece, trouble in self.objects.pieces(number, at, length):
                if trouble:
                    why = why or trouble
                    offset += piece
                    continue
                digest.update(piece)
                write(piece, offset)
                offset += len(piece)
        return why or (None if file.size == 0 or digest.digest() == file.digest else 'it does not fit its SHA-256')


def content(fields, extents):
    """Size, hash and extents of a regular file, the latter from the page's other part."""
    size = fields.varint()
    if size == 0:
        return Content(0, b'', [])
    digest, end, found = fields.take(32), 0, []
    for _ in range(extents.varint()):
        begin, length = end + extents.varint(), extents.varint()
        end = begin + length
        found.append((begin, length, extents.varint(), extents.varint()))
    return Content(size, digest, [extent for extent in found if extent[1] > 0])


def related(parts, wanted):
    """True for the wanted path itself, all below it, and the directories above it."""
    shorter = min(len(parts), len(wanted))
    return parts[:shorter] == wanted[:shorter]


def overlaps(first, after, wanted):
    """Whether a page from `first` up to `after` may hold something related to the wanted path."""
    if after is None or after > wanted:
        return first <= wanted or first[:len(wanted)] == wanted
    return any(first <= wanted[:n] < after for n in range(1, len(wanted)))


# ---- Restoring -----------------------------------------------------------------------------------------------------


class Target:
    """The directory restored into. Everything happens relative to open directories, one component at a time and never
    through a symbolic link; so neither long paths nor links in a tree can lead elsewhere. Nobody else gets in before
    the end, because files of strangers (setuid ones too) appear here."""

    def __init__(self, path):
        self.is_root = os.geteuid() == 0
        os.umask(0o077)
        self.was = None
        try:
            os.makedirs(path, 0o700)
        except FileExistsError:
            self.was = True
        try:
            self.root = os.open(path, DIRECTORY)
        except OSError as error:
            raise Stop('cannot use %s as target: %s' % (show(path), error.strerror))
        if os.listdir(self.root):
            raise Stop('%s is not empty' % show(path))
        if self.was:
            self.was = os.fstat(self.root), read_xattrs(self.root, ACLS)
            for name in self.was[1]:
                os.removexattr(self.root, name)  # else all that is created here would inherit from it
        if self.is_root:
            os.fchown(self.root, 0, 0)
        os.fchmod(self.root, 0o700)
        self.chain = [[b'', self.root, None]]  # name, descriptor or None, entry: from the target to where we are
        self.near = None, -1  # path and descriptor of the directory that was reached last, see `reach`
        self.first = {}    # (device, inode) -> path restored first
        self.spoilt = set()  # those of them that are damaged
        self.protected = []  # (path, flags) of what chattr had made immutable or append-only
        self.entries = self.bytes = 0
        self.spoken = time.time()
        self.sync = whole_sync()

    # Directories: `chain` leads to the current one. Leaving one gives it its attributes, as nothing in it changes more.

    def enter(self, parts):
        """Makes `parts` the current directory and returns its descriptor."""
        common = 0
        while common < min(len(parts), len(self.chain) - 1) and parts[common] == self.chain[common + 1][0]:
            common += 1
        while len(self.chain) > common + 1:
            self.leave()
        for name in parts[common:]:  # only where the entry of a directory is lost, or a part of it cannot be made
            self.make_directory(name, None)
            problem('%s: the attributes of this directory are lost' % show(b'/'.join(n[0] for n in self.chain[1:])))
        return self.descriptor()

    def descriptor(self):
        """Of the current directory; one that was closed for depth is reached again from above."""
        if self.chain[-1][1] is None:
            depth = max(n for n, link in enumerate(self.chain) if link[1] is not None)
            self.chain[-1][1] = walk(self.chain[depth][1], [link[0] for link in self.chain[depth + 1:]])
        return self.chain[-1][1]

    def make_directory(self, name, entry):
        parent = self.descriptor()
        os.mkdir(name, 0o700, dir_fd=parent)
        self.chain.append([name, os.open(name, DIRECTORY, dir_fd=parent), entry])
        if len(self.chain) > OPEN_DIRECTORIES:
            os.close(parent)
            self.chain[-2][1] = None

    def reach(self, path):
        """The directory that holds what was restored, which stays open: the next one is often beside it; and the name."""
        above, _, name = path.rpartition(b'/')
        if self.near[0] != above:
            if self.near[0] is not None:
                os.close(self.near[1])
            self.near = None, -1
            self.near = above, walk(self.root, above.split(b'/') if above else [], os.O_PATH)
        return self.near[1], name

    def leave(self):
        name, fd, entry = self.chain[-1][0], self.descriptor(), self.chain[-1][2]
        if entry:
            self.guard(entry, lambda: self.dress(entry, fd, {}))
            self.protect(entry, fd)
            self.guard(entry, lambda: self.settle(fd))
        self.chain.pop()
        os.close(fd)

    def settle(self, fd):
        """One file or directory to the disk, where that cannot be had for all at the end."""
        if not self.sync:
            os.fsync(fd)

    def close(self):
        """Attributes of all directories that are still open, then what forbids changes, the target itself at the very end,
        when all is on the disk: many errors of a disk are told only to those who ask."""
        self.enter([])
        self.protect_last()
        try:
            (self.sync or os.fsync)(self.root)
        except OSError as error:
            raise Stop('what was written is not on the disk: %s' % error.strerror)
        if self.was:
            before, acls = self.was
            if self.is_root:
                os.fchown(self.root, before.st_uid, before.st_gid)
            os.fchmod(self.root, stat.S_IMODE(before.st_mode))
            for name in acls:
                os.setxattr(self.root, name, acls[name])

    # Entries

    def guard(self, entry, action):
        """Names the entry where something about it fails, and goes on; a full disk is the end."""
        try:
            action()
        except Damaged as error:
            problem('%s: %s' % (show(entry.path), error))
        except (ValueError, OverflowError) as error:  # a number no system call takes, a NUL where none may be
            problem('%s: %s' % (show(entry.path), error))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise Stop('%s: %s' % (show(entry.path), error.strerror))
            problem('%s: %s' % (show(entry.path), error.strerror))

    def protect(self, entry, fd):
        """Sets what chattr had set of an open file, or of a directory in which nothing will be made any more, and which
        would hand it down. What forbids changes waits for the end."""
        if entry.flags & FORBIDS:
            self.protected.append((entry.path, entry.flags))
        elif entry.flags & CHATTR:
            try:
                set_flags(fd, entry.flags)
            except OSError as error:
                problem('%s: what chattr had set is lost: %s' % (show(entry.path), error.strerror))

    def protect_last(self):
        """Sets what forbids changes, when nothing will be made or changed any more."""
        for path, flags in self.protected:
            try:
                parent, name = self.reach(path)
                fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
                try:
                    set_flags(fd, flags)
                finally:
                    os.close(fd)
            except OSError as error:
                problem('%s: what chattr had set is lost: %s' % (show(path), error.strerror))

    def put(self, entry, index):
        self.guard(entry, lambda: self.make(entry, index))
        self.entries += 1
        if sys.stderr.isatty() and time.time() - self.spoken > 5:
            self.spoken = time.time()
            note('%d entries, %d MiB so far' % (self.entries, self.bytes >> 20))

    def make(self, entry, index):
        parent, name = self.enter(entry.parts[:-1]), entry.parts[-1]
        if stat.S_ISDIR(entry.mode):
            return self.make_directory(name, entry)
        file, key = entry.content, None
        if entry.flags & LINKED:
            key = (index.device_of(entry.path), entry.inode)
            if key in self.first and self.link(entry, key, parent, name):
                return None
            if stat.S_ISREG(entry.mode):
                file = index.linked(*key)
        if stat.S_ISREG(entry.mode):
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600,
                         dir_fd=parent)
            try:
                why = self.fill(fd, file, index)
                self.dress(entry, fd, {})
                self.protect(entry, fd)
                self.settle(fd)
            finally:
                os.close(fd)
            if why:
                problem('%s is damaged (what could be read is there): %s' % (show(entry.path), why))
                self.spoilt.add(key)
        else:
            if stat.S_ISLNK(entry.mode):
                os.symlink(entry.target, name, dir_fd=parent)
            else:  # FIFO, socket, device; a whiteout is the character device 0, 0
                os.mknod(name, stat.S_IFMT(entry.mode) | 0o600, entry.device, dir_fd=parent)
            self.dress(entry, name, {'dir_fd': parent, 'follow_symlinks': False})
        if key:
            self.first[key] = entry.path
        return None

    def link(self, entry, key, parent, name):
        """A further name of a file. False where it cannot be: then the file is restored once more."""
        try:
            source, first = self.reach(self.first[key])
            os.link(first, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
        except OSError as error:
            problem('%s: cannot be a hard link of %s, becomes a copy: %s'
                    % (show(entry.path), show(self.first[key]), error.strerror))
            return False
        if key in self.spoilt:
            problem('%s is damaged, as %s is, the same file' % (show(entry.path), show(self.first[key])))
        return True

    def fill(self, fd, file, index):
        def write(piece, offset):
            while piece:
                count = os.pwrite(fd, piece, offset)
                piece, offset = piece[count:], offset + count
                self.bytes += count

        if file.size:
            os.ftruncate(fd, file.size)  # what is never written stays a hole
        return index.pour(file, write)

    def dress(self, entry, what, by_name):
        """Owner, attributes, mode, ACLs, times. `what` is a descriptor, or a name in the directory by_name['dir_fd'].

        Taking an owner clears setuid and capabilities, so it is first. Setting user.* needs write permission, so it
        comes before the mode; an ACL is part of the mode, so it comes after it and is what counts.
        """
        is_link = stat.S_ISLNK(entry.mode)
        if self.is_root:
            os.chown(what, entry.uid, entry.gid, **by_name)
        self.set_xattrs(entry, what, by_name, [name for name in sorted(entry.xattrs) if name not in ACLS])
        if not is_link:
            ours = self.is_root or (entry.uid, entry.gid) == (os.geteuid(), os.getegid())
            mode = stat.S_IMODE(entry.mode) & (0o7777 if ours else 0o1777)  # setuid is for the owner it had
            os.chmod(what, mode, **({'dir_fd': by_name['dir_fd']} if by_name else {}))
        lost = self.set_xattrs(entry, what, by_name, [name for name in ACLS if name in entry.xattrs])
        if ACLS[0] in lost:
            mode = mode & ~0o070 | own_group(entry.xattrs[ACLS[0]])  # the group's bits are the mask of the ACL
            os.chmod(what, mode, **({'dir_fd': by_name['dir_fd']} if by_name else {}))
        os.utime(what, ns=(entry.mtime_ns, entry.mtime_ns), **by_name)
        if os.stat(what, **by_name).st_mtime_ns != entry.mtime_ns:
            problem('%s: this file system cannot keep its time' % show(entry.path))

    @staticmethod
    def set_xattrs(entry, what, by_name, names):
        place, follow = what, {}
        if by_name:  # there is no call that takes a directory and a name
            place, follow = b'/proc/self/fd/%d/%s' % (by_name['dir_fd'], what), {'follow_symlinks': False}
        lost = []
        for name in names:
            try:
                os.setxattr(place, name, entry.xattrs[name], **follow)
            except (OSError, ValueError) as error:
                problem('%s: attribute %s is lost: %s' % (show(entry.path), show(name), error))
                lost.append(name)
        return lost


def own_group(acl):
    """What an access ACL gives the owning group, as bits of a mode."""
    for tag, bits, _ in struct.iter_unpack('<HHI', acl[4:] if len(acl) % 8 == 4 else b''):
        if tag == 4:
            return (bits & 7) << 3
    return 0


def read_xattrs(fd, names):
    found = {}
    for name in names:
        try:
            found[name] = os.getxattr(fd, name)
        except OSError:
            pass  # it has none, or the file system knows none
    return found


def whole_sync():
    """A function that brings the whole file system of a descriptor to the disk, with OSError for what has been lost
    since it was opened. None where this Python has no way to call the kernel for it."""
    try:
        import ctypes
        call = ctypes.CDLL(None, use_errno=True).syncfs
    except (ImportError, OSError, AttributeError):
        return None

    def sync(fd):
        if call(fd) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return sync


def set_flags(fd, flags):
    """Gives an open file or directory what chattr had set, and leaves what else its file system keeps for it."""
    word = bytearray(fcntl.ioctl(fd, GET_FLAGS, bytes(8)))
    before = int.from_bytes(word[:4], sys.byteorder)
    word[:4] = (before & ~(CHATTR >> 3) | (flags & CHATTR) >> 3).to_bytes(4, sys.byteorder)
    fcntl.ioctl(fd, SET_FLAGS, bytes(word))


def walk(fd, parts, flags=os.O_RDONLY):
    """Opens a directory below another, never through a symbolic link."""
    fd = os.dup(fd)
    for part in parts:
        try:
            below = os.open(part, DIRECTORY | flags, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
    return fd


# ---- Database exports ----------------------------------------------------------------------------------------------


def exports(snapshot):
    """Yields (component, file name below databases/<instance>, object number, length, SHA-256) of every export."""
    for part in snapshot.body['components']:
        if part['state'] != 'complete':
            problem('%s %s is not in this snapshot, it failed when it was made: %s'
                    % (show(part['type']), show(part['name']), show(part.get('error'))))
        elif part['type'] == 'database':
            name = (database_file_name(part['databases'][0]) if len(part['databases']) == 1 else b'_joint') + b'.'
            yield part, name + file_name(part['format']), part['object'], part['plainBytes'], part['sha256']
            for text in part.get('besides') or []:
                yield part, name + file_name(text['suffix']), text['object'], text['plainBytes'], text['sha256']


def pour_export(store, key, plain_bytes, sha256, write):
    """Decompresses a whole object in small pieces. Returns why it is damaged, or None."""
    digest, count = hashlib.sha256(), 0
    try:
        if key is None:
            return 'the manifest does not name its object'
        stream = Zstd(store.path(key))
    except OSError as error:
        return '%s: %s' % (show(key), error.strerror)
    except Damaged as error:
        return str(error)
    for piece in iter(lambda: stream.read(1 << 20), b''):
        digest.update(piece)
        count += len(piece)
        write(piece)
    if not stream.finish():
        return '%s is damaged' % show(key)
    return None if (count, digest.hexdigest()) == (plain_bytes, sha256) else '%s does not fit its SHA-256' % show(key)


def restore_exports(store, snapshot, index, target, wanted):
    """Writes the exports to databases/<instance>/. One that is damaged gets a name no import script expects.

    Returns the numbers of those `wanted` paths that something was found for.
    """
    matched = set()
    for part, name, number, plain_bytes, sha256 in exports(snapshot):
        place = [b'databases', file_name(part['instance'])]
        if wanted is not None and not any(related(place + [name], parts) for parts in wanted):
            continue
        matched.update(n for n, parts in enumerate(wanted or []) if related(place + [name], parts))
        shown = show(b'/'.join(place + [name]))
        try:
            parent = target.root
            for folder in place:
                try:
                    os.mkdir(folder, 0o700, dir_fd=parent)
                except FileExistsError:
                    pass
                below = os.open(folder, DIRECTORY, dir_fd=parent)
                if parent != target.root:
                    os.close(parent)
                parent = below
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=parent)
            with open(fd, 'wb') as file:
                why = pour_export(store, index.keys.get(number), plain_bytes, sha256, file.write)
                file.flush()
                target.settle(fd)
            if why:
                os.rename(name, name + b'.damaged', src_dir_fd=parent, dst_dir_fd=parent)
                problem('%s is damaged (what could be read is in %s.damaged): %s' % (shown, shown, why))
            os.close(parent)
            target.bytes += plain_bytes
        except Damaged as error:
            problem('%s: %s' % (shown, error))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise Stop('%s: %s' % (shown, error.strerror))
            problem('%s: %s' % (shown, error.strerror))
    return matched


# ---- Commands ------------------------------------------------------------------------------------------------------


def command_list(store, options):
    snapshots = store.snapshots()
    if options.account:
        snapshots = of_account(snapshots, options.account)
    store.report_damaged((snapshots[0].server, snapshots[0].owner) if options.account and snapshots else None)
    locked = sorted({(s.server, s.owner) for s in snapshots if not s.body and store.keys.identities})
    for has_keys in (True, False):
        alike = [place for place in locked if bool(store.keys.names(*place)) is has_keys]
        if alike:
            note('%s; %s shown by UUID' % (store.keys.why_locked(*alike),
                                           'it is' if len(alike) == 1 else 'these are'))
    for s in snapshots:
        account, counts = s.body.get('account') or {}, s.body.get('counts') or {}
        say('%s  %s  %s  sequence %d of %s  committed %s  %s  %s bytes  account %s' % (
            show(id_of(s)), show(s.header['level']), show(s.header['state']), s.sequence,
            show(s.header['addin']['name']), show(s.header['committedAt']), show(account.get('domain') or '-'), counts.get('bytes', '?'), show(s.owner)))


def command_restore(store, options):
    wanted = None
    if options.path:
        wanted = [components(os.fsencode(path).strip(b'/')) for path in options.path]
    snapshot = choose(store, options.snapshot, options.account)
    warn_unknown(snapshot.key, snapshot.header)
    index = Index(store, snapshot)
    for code, count in sorted((snapshot.body.get('warningCounts') or {}).items()):
        note('%s of %s when this snapshot was made; line 2 of %s names the paths'
             % ('1 warning' if count == 1 else '%s warnings' % count, show(code), show(snapshot.key)))
    if os.geteuid() != 0:
        note('you are not root: owners, devices, trusted.* and security.* attributes will be lost')
    target = Target(options.to)
    matched = set()
    for entry in index.entries(wanted):
        target.put(entry, index)
        matched.update(n for n, parts in enumerate(wanted or []) if entry.parts[:len(parts)] == parts)
    matched.update(restore_exports(store, snapshot, index, target, wanted))
    target.close()
    for number, parts in enumerate(wanted or []):
        if number not in matched:
            problem('%s is not in this snapshot' % show(b'/'.join(parts)))
    say('restored %s to %s: %d entries, %d bytes' % (show(id_of(snapshot)), show(options.to), target.entries,
                                                    target.bytes))


def command_verify(store, options):
    snapshot = choose(store, options.snapshot, options.account)
    warn_unknown(snapshot.key, snapshot.header)
    verify_chain(store, snapshot)
    objects = snapshot.header['objects'] + snapshot.header['references']
    for item in objects:
        verify_object(store, item)
    index = Index(store, snapshot)
    if index.place:
        tail = struct.pack('<II8sQII', 0x184D2A5D, 24, b'HFINDEX1', index.place['offset'], index.place['length'], 0)
        end = os.path.getsize(store.path(index.keys[index.place['object']]))
        if store.read(index.keys[index.place['object']], end - len(tail), len(tail)) != tail:
            problem('the tail of the index does not lead to its root')
        for number, entry in index.objects.table.items():
            if entry.plain[-1] and index.keys.get(number) != entry.key:
                problem('object %d is %s in the index, %s in the manifest'
                        % (number, show(entry.key), show(index.keys.get(number))))
    entries, bytes_read, directories, seen = 0, 0, [], set()
    for entry in index.entries():
        entries += 1
        del directories[len(entry.parts) - 1:]
        if len(entry.parts) > 1 and directories != entry.parts[:-1]:
            problem('%s: the directory above it is missing' % show(entry.path))
        directories = list(entry.parts) if stat.S_ISDIR(entry.mode) else directories
        try:
            file = entry.content
            if entry.flags & LINKED and stat.S_ISREG(entry.mode):
                key = (index.device_of(entry.path), entry.inode)
                file = None if key in seen else index.linked(*key)
                seen.add(key)
            if file:
                bytes_read += file.size
                why = index.pour(file, lambda piece, offset: None)
                if why:
                    raise Damaged(why)
        except Damaged as error:
            problem('%s is damaged: %s' % (show(entry.path), error))
    for part, name, number, plain_bytes, sha256 in exports(snapshot):
        why = pour_export(store, index.keys.get(number), plain_bytes, sha256, len)
        bytes_read += plain_bytes
        if why:
            problem('%s of database %s is damaged: %s' % (show(name), show(part['name']), why))
    say('verified %s: %d objects, %d entries, %d bytes, %s'
        % (show(id_of(snapshot)), len(objects), entries, bytes_read, counted()))


def verify_object(store, item):
    """Compares size and hash of an object as it is stored."""
    digest, size = hashlib.sha256(), 0
    try:
        with open(store.stored(item['key']), 'rb') as file:
            for piece in iter(lambda: file.read(1 << 20), b''):
                digest.update(piece)
                size += len(piece)
    except (Damaged, OSError) as error:
        return problem('object %s cannot be read: %s' % (show(item['key']), error))
    if (size, digest.hexdigest()) != (item['size'], item['sha256']):
        problem('object %s is damaged (it has %d bytes, %d are right)' % (show(item['key']), size, item['size']))
    return None


def verify_chain(store, snapshot):
    """The digest in the header, and that of the snapshot before it, where that still exists."""
    head = snapshot.header
    results = [[c['type'], c['name'], c['state'], c.get('sha256')] for c in snapshot.body['components']]
    text = json.dumps([head['id'], head['server'], head['owner'], head['addin']['id'], head['lineage'],
                       head['sequence'], head['startedAt'], head['level'], head['state'], results,
                       snapshot.body['contentRoot']] + [snapshot.body.get('salt')] * ('salt' in snapshot.body),
                      separators=(',', ':'), ensure_ascii=False)
    if hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest() != head['digest']:
        problem('the digest in the manifest does not fit its contents')
    for other in store.snapshots():
        if (other.owner, other.header['addin']['id'], other.header['lineage'], other.sequence) == (
                snapshot.owner, head['addin']['id'], head['lineage'], snapshot.sequence - 1):
            if other.header['digest'] != head['previous']:
                problem('it does not follow the snapshot with the sequence before it, %s' % show(id_of(other)))


def signer_key(text):
    if not re.fullmatch('[0-9a-f]{64}', text.lower()):
        raise argparse.ArgumentTypeError('it takes 64 hex digits')
    return text.lower()


def main():
    parser = argparse.ArgumentParser(description='Restores from a Holdfast store without Holdfast.')
    parser.add_argument('--store', default='.', help='the store (default: the current directory)')
    commands = parser.add_subparsers(dest='command', metavar='list | restore | verify')
    lister = commands.add_parser('list', help='show the snapshots')
    restorer = commands.add_parser('restore', help='restore a snapshot, or parts of it, into an empty directory')
    verifier = commands.add_parser('verify', help='read all of a snapshot and compare every hash')
    for command in (restorer, verifier):
        command.add_argument('snapshot', help='its id, a unique beginning of it, its 12 hex digits, or "latest"')
    for command in (lister, restorer, verifier):
        command.add_argument('--account', help='site, domain, alias or UUID')
        command.add_argument('--store', default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        command.add_argument('--identity', action='append', metavar='FILE',
                             help='opens encrypted snapshots; a file as age takes it, or a recovery sheet')
        command.add_argument('--signer', action='append', metavar='KEY', type=signer_key,
                             help='only what this key has signed: 64 hex digits; may be repeated')
    restorer.add_argument('--to', required=True, metavar='DIR', help='empty, or not there yet')
    restorer.add_argument('--path', action='append', help='only this, for example shadow/var/www; may be repeated')
    options = parser.parse_args()
    if not options.command:
        parser.error('say what to do: list, restore or verify')
    for number in (signal.SIGTERM, signal.SIGHUP):  # what was decrypted goes then, too
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    keys = Keys(options.store, options.identity or [])
    try:
        if not shutil.which('zstd') and options.command != 'list':
            raise Stop('the program zstd is missing, install it first: apt-get install zstd')
        run = {'list': command_list, 'restore': command_restore, 'verify': command_verify}[options.command]
        if options.identity and not shutil.which('age'):
            raise Stop('the program age is missing, install it first: apt-get install age')
        run(Store(options.store, keys, options.signer or ()), options)
    except (Stop, Damaged) as error:
        say('stopped: %s' % error, sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        keys.close()
    if problems:
        say('%s, see above' % counted(), sys.stderr)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
