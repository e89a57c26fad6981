"""Makes accounts of small files.

usage: small_files.py ROOT ACCOUNTS FILES      below ROOT/home/, which does not exist; files of 100 to 2,000 bytes, 200 a directory
"""

import os
import random
import sys

PER_DIRECTORY = 200


def main():
    root, accounts, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(files)
    # Text of which every piece compresses about as mail does.
    words = [rng.randbytes(rng.randrange(2, 5)).hex() for _ in range(2000)]
    text = " ".join(rng.choice(words) for _ in range(200_000)).encode()
    for number in range(accounts):
        home = "%s/home/account%05d" % (root, number)
        for index in range(files):
            if index % PER_DIRECTORY == 0:
                folder = "%s/%03d/%04d" % (home, index // PER_DIRECTORY % 100, index // PER_DIRECTORY)
                os.makedirs(folder)
            start = rng.randrange(len(text) - 2000)
            with open("%s/%d.eml" % (folder, index), "wb") as out:
                out.write(text[start:start + rng.randrange(100, 2000)])


if __name__ == "__main__":
    main()
