"""Lets a night pass over a tree: some files change, some are new, some go.

usage: change_tree.py ROOT SEED CHANGED NEW GONE      shares of all regular files with one name, e.g. 0.02 0.01 0.005

Changed ones are rewritten in place in half of the cases, else grow by a few lines. Everything follows from the seed and
the names that are there. Prints JSON: how many of each.
"""

import json
import os
import random
import stat
import sys


def files_below(root):
    for folder, directories, names in os.walk(root):
        if "shadow" in directories:
            # What the panel keeps beside the account's files has a syntax of its own.
            directories[:] = ["shadow"]
        directories.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            about = os.lstat(path)
            if stat.S_ISREG(about.st_mode) and about.st_nlink == 1:
                yield path, about


def text(rng, size):
    return rng.randbytes(max(1, size // 2)).hex().encode()


def change(path, size, rng):
    if rng.random() < 0.5:
        with open(path, "r+b") as out:
            out.write(text(rng, min(size, 64 * 1024) or 10))
    else:
        with open(path, "ab") as out:
            out.write(text(rng, 300))


def main():
    root, seed = sys.argv[1], sys.argv[2]
    changed, new, gone = (float(share) for share in sys.argv[3:6])
    rng = random.Random(seed)
    files = list(files_below(root))
    picked = rng.sample(files, round(len(files) * (changed + new + gone)))
    changes, news = round(len(files) * changed), round(len(files) * new)
    for path, about in picked[:changes]:
        change(path, about.st_size, rng)
    for index, (path, about) in enumerate(picked[changes:changes + news]):
        beside = os.path.join(os.path.dirname(path), "new-%s-%d" % (seed.replace("/", "-"), index))
        with open(beside, "wb") as out:
            out.write(text(rng, min(about.st_size, 256 * 1024)))
        os.chown(beside, about.st_uid, about.st_gid)
    for path, _ in picked[changes + news:]:
        os.unlink(path)
    print(json.dumps(dict(files=len(files), changed=changes, new=news, gone=len(picked) - changes - news)))


if __name__ == "__main__":
    main()
