"""Builds the benchmark's tree: a server with twenty accounts as ApisCP keeps them, trees alone.

Beside the sample panel of the tests because it has another aim: realistic proportions at size, and nothing that
one tool would skip and another store (no decoys, no sparse images, no overlay marks).

usage: medium_tree.py ROOT SCALE SEED; prints what it made as JSON. ROOT must not exist. Needs root. Equal arguments
give equal bytes, owners, attributes and names; times of directories are those of the build.
"""

import json
import math
import multiprocessing
import os
import random
import statistics
import stat
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../test/support"))

from fixture_entries import KIB, acl  # noqa: E402
from sample_panel import services, write  # noqa: E402
from sample_shadow import APACHE, SPRING_2026, Text, Writer, noise, size_of  # noqa: E402

ACCOUNTS = 20
# For an account of mean size, at scale 1.
FILES = {"code": 2080, "mail": 610, "photos": 710, "papers": 280}
MEAN_SIZES = {"code": 16 * KIB, "mail": 18 * KIB, "photos": 58 * KIB, "papers": 40 * KIB}
HTML = "var/www/html"
PLACES = ("wp-admin/includes", "wp-admin/js", "wp-includes/blocks", "wp-includes/rest-api/endpoints",
          "wp-content/plugins/shop/src", "wp-content/plugins/seo/vendor/lib", "wp-content/themes/spring/parts")


class Site:
    def __init__(self, root, number, weight, scale, seed):
        self.name, self.number, self.seed = "site%d" % number, number, seed
        self.home = "%s/home/virtual/%s" % (root, self.name)
        self.user, self.domain, self.ids = "owner%d" % number, "example-%d.test" % number, (20_000 + number,) * 2
        self.rng = random.Random("%s/%s" % (seed, self.name))
        self.counts = {kind: max(4, round(count * weight * scale)) for kind, count in FILES.items()}
        self.out = Writer(self.home + "/shadow", *self.ids, self.rng)

    def granted(self):
        return acl(7, 5, 5, users=[(APACHE, 7), (self.ids[0], 7)], mask=7)

    def build(self, text):
        os.makedirs(self.home + "/shadow")
        os.chmod(self.home, 0o711)
        self.info()
        self.code(text)
        self.mail(text)
        one = self.uploads(text)
        self.rest(text)
        return one

    def info(self):
        account = dict(prefix="site%d_" % self.number, adminUser=self.user, domain=self.domain,
                       admin="admin%d" % self.number, aliases=["www." + self.domain])
        for name, content in services(account).items():
            # Without database prefixes: the bench compares files, and no engine is configured.
            if name not in ("mysql", "pgsql"):
                write("%s/info/current/%s" % (self.home, name), content)
        os.makedirs(self.home + "/info/new")
        write("%s/info/users/%s" % (self.home, self.user), 'a:1:{s:5:"theme";s:4:"dark";}', 0o600)

    def code(self, text):
        """Half of the files are the same in every account, to the byte."""
        out = self.out
        out.directory(HTML)
        if self.number % 4 != 0:
            out.xattr(HTML, "system.posix_acl_access", self.granted())
            # What lies below inherits the default lists, by the kernel's own hand.
            for name in (HTML + "/wp-content/themes", HTML + "/wp-content/uploads"):
                out.directory(name)
                out.xattr(name, "system.posix_acl_access", self.granted())
                out.xattr(name, "system.posix_acl_default", self.granted())
        for index in range(self.counts["code"]):
            key = random.Random("%s/%d/%s" % (self.seed, index, self.name if index % 2 else "shared"))
            place = "%s/%s/%02d" % (HTML, PLACES[index % len(PLACES)], index // 7 % 40)
            size = size_of(key, MEAN_SIZES["code"])
            out.file("%s/class-%05d.php" % (place, index), b"<?php\n" + text.make(key, size))
        out.file(HTML + "/.htaccess", "RewriteEngine On\n", owner=(APACHE, self.ids[1]))
        for name in ("cache", "upgrade", "languages"):
            out.directory("%s/wp-content/%s" % (HTML, name))

    def mail(self, text):
        base = "home/%s/Mail" % self.user
        folders = ("", "/.Sent", "/.Archive.2025", "/.Spam")
        for folder in folders:
            for part in ("cur", "new", "tmp"):
                self.out.directory("%s%s/%s" % (base, folder, part), mode=0o700)
        for index in range(self.counts["mail"]):
            size = size_of(self.rng, MEAN_SIZES["mail"])
            name = "%d.M%dP%d.mail,S=%d:2,S" % (SPRING_2026 - index * 977, index, 1000 + index, size)
            path = "%s%s/%s/%s" % (base, folders[index % 4], "new" if index % 16 == 0 else "cur", name)
            self.out.file(path, b"From: a@example.test\n\n" + text.make(self.rng, size), mode=0o600)
            if index % 80 == 0:
                os.link(self.out.path(path), self.out.path("%s/.Archive.2025/cur/copy-%d:2,S" % (base, index)))

    def uploads(self, text):
        """Returns the path of a photo of 20 to 200 kB: the one that is brought back alone."""
        base, one = HTML + "/wp-content/uploads", None
        for index in range(self.counts["photos"] + self.counts["papers"]):
            is_photo = index < self.counts["photos"]
            size = size_of(self.rng, MEAN_SIZES["photos" if is_photo else "papers"])
            name = "%s/%d/%02d/%s" % (base, 2024 + index % 3, 1 + index // 3 % 12,
                                      ("photo-%05d.jpg" if is_photo else "prices-%05d.csv") % index)
            data = noise("%s/%s/%d" % (self.seed, self.name, index), size) if is_photo else text.make(self.rng, size)
            self.out.file(name, data, owner=(APACHE, self.ids[1]) if index % 3 == 0 else None)
            if index % 5 == 0:
                self.out.xattr(name, "user.mime_type", b"image/jpeg" if is_photo else b"text/csv")
            if index % 80 == 0:
                os.link(self.out.path(name), self.out.path(name[:-4] + "-scaled" + name[-4:]))
            if is_photo and 20_000 <= size <= 200_000 and index >= self.counts["photos"] // 2:
                one = one or name
        return one or name

    def rest(self, text):
        home = "home/" + self.user
        self.out.file(home + "/.my.cnf", "[client]\nuser=%s\n" % self.user, mode=0o600)
        self.out.file("etc/passwd", "%s:x:%d:%d::/home/%s:/bin/bash\n" % (self.user, *self.ids, self.user), owner=(0, 0))
        for index in range(8):
            self.out.file("var/log/httpd/access_log.%d" % index, text.make(self.rng, 300 * KIB), mode=0o640, owner=(0, 0))
        for index in range(18):
            self.out.directory(home + "/links")
            self.link("%s/links/%02d" % (home, index), "../../../%s/wp-content/uploads/%d" % (HTML, index))
        self.link("var/www/current", "html")
        self.link(home + "/gone", "/nowhere/at/all")
        for name in (home + "/queue", "var/run/spool"):
            self.out.node(name, stat.S_IFIFO, 0o600)

    def link(self, name, target):
        os.symlink(target, self.out.path(name))
        os.lchown(self.out.path(name), *self.ids)


def weights(seed):
    """Sizes of the accounts, mean 1: log-normal, the largest about ten times the smallest."""
    normal = statistics.NormalDist()
    raw = [math.exp(0.6 * normal.inv_cdf((index + 0.5) / ACCOUNTS)) for index in range(ACCOUNTS)]
    random.Random(seed).shuffle(raw)
    return [one * ACCOUNTS / sum(raw) for one in raw]


def build(task):
    root, number, weight, scale, seed, text = task
    os.umask(0)
    site = Site(root, number, weight, scale, seed)
    return site.name, weight, site.build(text)


def count(root):
    """Entries, plain bytes and what they carry, found by looking rather than by remembering."""
    found = dict(inodes=0, bytes=0, accessLists=0, userXattrs=0, hardLinks=0, symlinks=0, fifos=0)
    seen = set()
    for folder, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(folder, name)
            about = os.lstat(path)
            if about.st_nlink > 1 and not stat.S_ISDIR(about.st_mode):
                found["hardLinks"] += about.st_ino in seen
                if about.st_ino in seen:
                    continue
                seen.add(about.st_ino)
            found["inodes"] += 1
            found["symlinks"] += stat.S_ISLNK(about.st_mode)
            found["fifos"] += stat.S_ISFIFO(about.st_mode)
            found["bytes"] += about.st_size if stat.S_ISREG(about.st_mode) else 0
            keys = os.listxattr(path, follow_symlinks=False)
            found["accessLists"] += any(key.startswith("system.posix_acl_") for key in keys)
            found["userXattrs"] += any(key.startswith("user.") for key in keys)
    return found


def main():
    root, scale, seed = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    os.umask(0)
    os.makedirs(root + "/home/virtual", 0o755)
    text = Text(seed)
    tasks = [(root, number, weight, scale, seed, text) for number, weight in enumerate(weights(seed), 1)]
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        made = pool.map(build, sorted(tasks, key=lambda task: -task[2]), chunksize=1)
    middle = sorted(made, key=lambda site: site[1])[len(made) // 2]
    accounts = sorted((name for name, _, _ in made), key=lambda name: int(name[len("site"):]))
    one = dict(account=middle[0], path="shadow/" + middle[2])
    largest = max(made, key=lambda site: site[1])[0]
    print(json.dumps(dict(accounts=accounts, largestAccount=largest, oneFile=one, counts=count(root))))


if __name__ == "__main__":
    main()
