"""Builds an ApisCP server of very many accounts of two files each: ten thousand take some seconds.

usage: many_accounts.py ROOT ACCOUNTS      below ROOT/home/virtual, which does not exist; needs root
"""

import os
import sys

HEAD = "[DEFAULT]\nversion=3.1\nenabled=1\n"


def write(path, text):
    with open(path, "w") as out:
        out.write(text)


def build(virtual, number):
    home = "%s/site%d" % (virtual, number)
    current, shadow, user = home + "/info/current", home + "/shadow", "owner%d" % number
    for path in (current, home + "/info/new", shadow + "/var/www/html", shadow + "/home/" + user):
        os.makedirs(path)
    domain, prefix = "example-%d.test" % number, "site%d_" % number
    write(current + "/siteinfo", HEAD + "domain=%s\nadmin_user=%s\nadmin=admin%d\nemail=owner@%s\nplan='DEFAULT'\n"
          % (domain, user, number, domain))
    write(current + "/aliases", HEAD + "aliases=['www.%s', 'shop-%d.test']\nmax=None\n" % (domain, number))
    for service in ("mysql", "pgsql"):
        write("%s/%s" % (current, service), HEAD + "dbaseadmin=%s\ndbaseprefix=%s\ndbasenum=None\n" % (user, prefix))
    write(current + "/diskquota", HEAD + "quota=4000\nunits=MB\namnesty=None\nfquota=None\n")
    write(shadow + "/var/www/html/index.html", "<p>%d</p>\n" % number)
    write("%s/home/%s/.profile" % (shadow, user), "# %d\n" % number)
    owner = 20_000 + number % 30_000
    os.chown("%s/home/%s" % (shadow, user), owner, owner)


def main():
    virtual = sys.argv[1] + "/home/virtual"
    os.makedirs(virtual)
    for number in range(1, int(sys.argv[2]) + 1):
        build(virtual, number)


if __name__ == "__main__":
    main()
