"""Makes a tree of exactly so many inodes, its root included: mail-like directories, a tenth of them large.

usage: many_files.py DIRECTORY COUNT     the directory does not exist
"""

import os
import sys


def main():
    root, count = sys.argv[1], int(sys.argv[2])
    os.mkdir(root)
    left, number = count - 1, 0
    while left > 0:
        path = os.path.join(root, "%03d" % (number % 500), "%06d" % number)
        new = 2 if not os.path.isdir(os.path.dirname(path)) else 1
        if left < new:
            os.close(os.open(os.path.join(root, "last-%d" % left), os.O_CREAT))
            left -= 1
            continue
        os.makedirs(path)
        left -= new
        descriptor = os.open(path, os.O_RDONLY)
        for index in range(min(left, 20_000 if number % 100 == 0 else 200)):
            name = "1600000000.M%06dP%d.server,S=%d" % (index, number, index)
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o640, dir_fd=descriptor))
            left -= 1
        os.close(descriptor)
        number += 1


if __name__ == "__main__":
    main()
