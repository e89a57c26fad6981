"""Fills the data tree of one sample account: a WordPress-like document root, mail, logs, odd entries.

Everything follows from the seed and the account. Half of the code is the same in every account, as real
servers have it; uploads do not compress; code and mail compress about four to one.
"""

import hashlib
import math
import os
import random
import stat

from fixture_entries import KIB, MIB, acl

APACHE = 48
SPRING_2026 = 1_775_000_000
# Shares of an account's files and their mean size, in parts of the mean size of all.
CODE, MAIL, UPLOADS = (0.60, 0.8), (0.15, 1.2), (0.25, 1.36)


class Writer:
    """Makes entries owned by one account; names are relative to its root."""

    def __init__(self, root, uid, gid, rng):
        self.root, self.uid, self.gid, self.rng = root, uid, gid, rng
        self.made = set()

    def path(self, name):
        return os.path.join(self.root, name)

    def directory(self, name, mode=0o755, owner=None):
        if name in self.made or not name:
            return
        self.directory(os.path.dirname(name))
        os.mkdir(self.path(name), mode)
        os.chown(self.path(name), *(owner or (self.uid, self.gid)))
        self.made.add(name)

    def file(self, name, data, mode=0o644, owner=None):
        self.directory(os.path.dirname(name))
        descriptor = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        os.write(descriptor, data.encode() if isinstance(data, str) else data)
        os.fchown(descriptor, *(owner or (self.uid, self.gid)))
        ns = (SPRING_2026 - self.rng.randrange(50_000_000)) * 10**9 + self.rng.randrange(10**9)
        os.utime(descriptor, ns=(ns, ns))
        os.close(descriptor)

    def holes(self, name, size, offset, data):
        self.file(name, b"")
        with open(self.path(name), "r+b") as target:
            target.truncate(size)
            target.seek(offset)
            target.write(data)

    def node(self, name, kind, mode):
        self.directory(os.path.dirname(name))
        os.mknod(self.path(name), kind | mode)
        os.chmod(self.path(name), mode)

    def xattr(self, name, key, value):
        os.setxattr(self.path(name), key, value, follow_symlinks=False)


class Text:
    """Text that looks like code to a compressor, at memory speed."""

    def __init__(self, seed):
        rng = random.Random(seed)
        words = ["$" + "".join(rng.choices("abcdefghijklmnopqrstuvwxyz_", k=rng.randrange(3, 12))) for _ in range(4000)]
        shapes = ("if ( %s === %s ) {\n", "\t%s = apply_filters( '%s' );\n", "\treturn %s->%s();\n", "// %s %s\n")
        self.lines = [rng.choice(shapes) % tuple(rng.choices(words, k=2)) for _ in range(40_000)]

    def make(self, rng, size):
        mean = 30
        return "".join(rng.choices(self.lines, k=max(1, size // mean))).encode()[:size].ljust(size, b"\n")


def noise(key, size):
    return hashlib.shake_128(key.encode()).digest(size)


def size_of(rng, mean):
    """Log-normal: most files are small, a few are very much larger."""
    return int(min(rng.lognormvariate(math.log(mean) - 0.5, 1.0), mean * 40)) + 1


def fill(spec, account, text):
    rng = random.Random("%s/%s" % (spec["seed"], account["site"]))
    out = Writer(account["shadow"], account["uid"], account["gid"], rng)
    mean = spec["bytesPerFile"]
    code(out, spec, account, text, mean * CODE[1])
    mail(out, spec, account, text, mean * MAIL[1])
    uploads(out, spec, account, mean * UPLOADS[1])
    home_and_system(out, account, text)
    odd_entries(out, account)
    decoys(out, account)


def code(out, spec, account, text, mean):
    html = "var/www/html"
    out.directory(html)
    if account["accessLists"]:
        out.xattr(html, "system.posix_acl_access", acl(7, 5, 5, users=[(APACHE, 5), (account["uid"], 7)], mask=7))
    places = ["wp-admin/includes", "wp-admin/js", "wp-includes/blocks", "wp-includes/rest-api/endpoints",
              "wp-content/plugins/shop/src", "wp-content/plugins/seo/vendor/lib", "wp-content/themes/spring/parts"]
    for index in range(int(spec["filesPerAccount"] * CODE[0])):
        own = index % 2
        # The generator is keyed by the file, so that shared code is shared to the byte.
        key = "%s/code/%d/%s" % (spec["seed"], index, account["site"] if own else "shared")
        from_key = random.Random(key)
        place = "%s/%s/%02d" % (html, places[index % len(places)], index // 7 % 40)
        out.file("%s/class-%05d.php" % (place, index), b"<?php\n" + text.make(from_key, size_of(from_key, mean)))
    out.file(html + "/wp-config.php", "<?php define('DB_NAME', '%swp');\n" % account["prefix"], mode=0o640)
    out.file(html + "/.htaccess", "RewriteEngine On\n", owner=(APACHE, account["gid"]))
    out.file(html + "/index.php", "<?php // %s\n" % account["domain"])


def uploads(out, spec, account, mean):
    base = "var/www/html/wp-content/uploads"
    out.directory(base)
    if account["accessLists"]:
        # Everything made below inherits the default list, as it does on a server.
        granted = acl(7, 5, 5, users=[(APACHE, 7), (account["uid"], 7)], mask=7)
        out.xattr(base, "system.posix_acl_access", granted)
        out.xattr(base, "system.posix_acl_default", granted)
    for index in range(int(spec["filesPerAccount"] * UPLOADS[0])):
        name = "%s/%d/%02d/photo-%05d.jpg" % (base, 2024 + index % 3, 1 + index // 3 % 12, index)
        owner = (APACHE, account["gid"]) if index % 3 == 0 else None
        out.file(name, noise("%s/%s/%d" % (spec["seed"], account["site"], index), size_of(out.rng, mean)), owner=owner)
        if index % 5 == 0:
            out.xattr(name, "user.mime_type", b"image/jpeg")
        if index % 60 == 0:
            os.link(out.path(name), out.path(name[:-4] + "-scaled.jpg"))


def mail(out, spec, account, text, mean):
    base = "home/%s/Mail" % account["adminUser"]
    folders = ["", "/.Sent", "/.Archive.2025", "/.Spam"]
    for folder in folders:
        for part in ("cur", "new", "tmp"):
            out.directory(base + folder + "/" + part, mode=0o700)
    for index in range(int(spec["filesPerAccount"] * MAIL[0])):
        size = size_of(out.rng, mean)
        name = "%d.M%dP%d.mail,S=%d:2,S" % (SPRING_2026 - index * 977, index, 1000 + index, size)
        data = b"From: a@example.test\n\n" + text.make(out.rng, size)
        folder = folders[index % 4] + ("/new" if index % 16 == 0 else "/cur")
        out.file(base + folder + "/" + name, data, mode=0o600)
        if index % 50 == 0:
            os.link(out.path(base + folder + "/" + name), out.path(base + "/.Archive.2025/cur/copy-%d:2,S" % index))


def home_and_system(out, account, text):
    user, home = account["adminUser"], "home/" + account["adminUser"]
    out.file(home + "/.my.cnf", "[client]\nuser=%s\npassword=not-a-secret\n" % user, mode=0o600)
    out.file(home + "/mysql_backups/%swp-20260401030000.sql" % account["prefix"], "-- an old export\n", mode=0o600)
    out.file("etc/passwd", "%s:x:%d:%d::/home/%s:/bin/bash\n" % (user, account["uid"], account["gid"], user), owner=(0, 0))
    out.file("etc/shadow", "%s:!:20000:0:99999:7:::\n" % user, mode=0o600, owner=(0, 0))
    out.file("var/spool/cron/" + user, "0 3 * * * php /var/www/html/wp-cron.php\n", mode=0o600)
    out.file("var/log/httpd/access_log", text.make(out.rng, 20_000), owner=(0, account["gid"]))
    out.file("var/lib/majordomo/lists/friends", "a@example.test\n")
    os.symlink("html", out.path("var/www/public_html"))
    os.lchown(out.path("var/www/public_html"), account["uid"], account["gid"])


def odd_entries(out, account):
    out.holes("var/tmp/disk.img", 64 * MIB, 32 * MIB, noise(account["site"], 64 * KIB))
    out.node("usr/bin/crontab", stat.S_IFCHR, 0)
    out.directory("etc/cron.d", owner=(0, 0))
    out.xattr("etc/cron.d", "trusted.overlay.opaque", b"y")
    out.xattr("etc", "trusted.overlay.impure", b"y")
    out.xattr("etc", "trusted.overlay.origin", b"\x00\xfb\x1d\x00host-local")
    out.node("home/%s/queue" % account["adminUser"], stat.S_IFIFO, 0o600)
    out.node("home/%s/agent.socket" % account["adminUser"], stat.S_IFSOCK, 0o600)
    out.directory("home/%s/private" % account["adminUser"], mode=0)
    out.file("home/%s/Fr\xfchling.txt" % account["adminUser"], "a name in UTF-8\n")
    latin = os.path.join(os.fsencode(out.path("home/" + account["adminUser"])), b"Fr\xfchling.txt")
    os.close(os.open(latin, os.O_CREAT | os.O_WRONLY, 0o644))


def decoys(out, account):
    """What looks like a database's files and must never be captured."""
    decoy = b"captured by mistake\n" * 1000
    out.file("var/lib/mysql/%swp/posts.ibd" % account["prefix"], decoy, mode=0o660)
    out.file("var/lib/pgsql/PG_15_202209061/16384/2619", decoy, mode=0o600)
