"""Builds what an ApisCP server keeps on disk: accounts, their metadata, and the system files beside them.

Reads its specification as JSON from stdin (sample-panel.ts writes it) and needs root. Two processes share
the accounts, for most of the time goes into system calls.
"""

import json
import multiprocessing
import os
import sys

import sample_shadow

DECOY = "captured by mistake\n"


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, mode)) as target:
        target.write(text)


def ini(**values):
    """A metadata file: one section, values as Python writes them, strings mostly bare."""
    lines = ["[DEFAULT]", "version=3.1", "enabled=1"]
    return "\n".join(lines + ["%s=%s" % pair for pair in values.items()]) + "\n"


def services(account):
    prefix, admin = account["prefix"], account["adminUser"]
    database = dict(dbaseadmin=admin, dbaseprefix=prefix, dbasenum="None", passwd="None")
    return {
        "siteinfo": ini(domain=account["domain"], admin_user=admin, admin=account["admin"],
                        email="owner@" + account["domain"], notes="None", plan="'DEFAULT'"),
        "mysql": ini(**database),
        "pgsql": ini(**database, tablespace="None"),
        "aliases": ini(aliases=repr(account["aliases"]), max="None"),
        "diskquota": ini(quota=4000, units="MB", amnesty="None", fquota="None"),
        "apache": ini(webuser="apache", jail="1") + "; a comment\n",
        "dns": ini(provider="'builtin'", key="None"),
        "ssh": ini(shell="'/bin/bash'", port_index="[]"),
        "users": ini(max="None", default="''"),
    }


def describe(account):
    """The `info` tree."""
    info = account["info"]
    for name, text in services(account).items():
        for generation in (account["generation"], "old"):
            write("%s/%s/%s" % (info, generation, name), text)
    os.makedirs(info + "/new")
    if account["state"] == "editing":
        write(info + "/new/diskquota", ini(quota=9000, units="MB"))
    if account["state"] == "suspended":
        write(info + "/disabled", "; by the billing system\nunpaid invoice\n")
    for layer in ("siteinfo", "ssh"):
        write("%s/services/%s" % (info, layer), "")
    write("%s/users/%s" % (info, account["adminUser"]), 'a:1:{s:5:"theme";s:4:"dark";}', 0o600)
    write(info + "/users/.global", "a:0:{}", 0o600)
    write(info + "/email_addr", "a:0:{}", 0o600)
    # The overlay driver's scratch space, which lives here and means nothing elsewhere.
    write(os.path.join(info, "work", "work", "#1"), DECOY)
    write(info + "/index/00fb21", DECOY)


def mount_point(account):
    """What would be the merged view: never to be entered, so whatever is found in it is a fault."""
    write(account["home"] + "/fst/var/www/html/index.php", DECOY)
    write(account["home"] + "/fst/etc/passwd", DECOY)
    os.makedirs(account["home"] + "/fst/.socket")


def build(task):
    spec, account, text = task
    os.umask(0)
    os.makedirs(account["home"])
    os.chmod(account["home"], 0o711)
    os.makedirs(account["shadow"])
    describe(account)
    mount_point(account)
    sample_shadow.fill(spec, account, text)


def system_files(spec):
    root, virtual = spec["root"], spec["root"] + "/home/virtual"
    for account in spec["accounts"]:
        os.symlink(account["site"], "%s/%s" % (virtual, account["domain"]))
        os.symlink(account["site"], "%s/%s" % (virtual, account["admin"]))
        os.makedirs(root + "/var/lib/mysql", exist_ok=True)
        raw = "/var/lib/mysql/%swp" % account["prefix"]
        os.symlink("/home/virtual/%s/shadow%s" % (account["site"], raw), root + raw)
    for layer in ("siteinfo", "ssh"):
        write("%s/FILESYSTEMTEMPLATE/%s/etc/services" % (virtual, layer), DECOY)
    write(root + "/var/log/mailer_table", "-- siteinfo, uids, gids, domain_lookup, email_lookup\n", 0o640)
    write(root + "/var/log/mailer_table-20260401", "-- older\n", 0o640)
    write(root + "/var/log/messages", DECOY)
    write(root + "/var/lib/mysql/mysql-grants", "-- mysql.user, mysql.db\n", 0o640)
    write(root + "/var/lib/mysql/mysql-grants-20260401", "-- older\n", 0o640)
    write(root + "/var/lib/mysql/ibdata1", DECOY, 0o660)
    write(root + "/var/lib/pgsql/15/backups/globals.sql", "-- CREATE ROLE\n", 0o600)
    write(root + "/var/lib/pgsql/15/data/PG_VERSION", DECOY, 0o600)


def main():
    spec = json.load(sys.stdin)
    os.umask(0)
    os.makedirs(spec["root"] + "/home/virtual")
    text = sample_shadow.Text(spec["seed"])
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        pool.map(build, [(spec, account, text) for account in spec["accounts"]], chunksize=1)
    system_files(spec)


if __name__ == "__main__":
    main()
