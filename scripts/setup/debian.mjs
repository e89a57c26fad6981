/**
 * Debian packages for the demo, the tests and the benchmark: which are needed, which are missing, and
 * how to install them.
 *
 * Installs as root only, on Debian or a CI machine, and never on a panel's host. No service starts that
 * was not there before: while apt works, policy-rc.d denies every start.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const demo = [
  'python3',
  'zstd',
  'attr',
  'acl',
  'libcap2-bin',
  'mariadb-server',
  'mariadb-client',
  'postgresql-15',
  'postgresql-client-15',
];
const s3 = ['rclone', 'radosgw', 'ceph-mon', 'ceph-osd', 'ceph-common', 'curl'];
const test = [
  ...demo,
  'age',
  'ansible-core',
  'libarchive-tools',
  'php-cli',
  'tar',
  ...s3,
  'openssh-server',
  'procps',
  'systemd',
  'util-linux',
  'util-linux-extra',
  'mount',
  'e2fsprogs',
  'xfsprogs',
  'btrfs-progs',
  'bindfs',
  'g++',
  'make',
];

const bench = [...demo, 'tar', 'restic', 'borgbackup', 'mydumper', 'util-linux', ...s3];

/** Packages by purpose. */
export const packageSets = { demo, test, bench };

const policyPath = '/usr/sbin/policy-rc.d';
const panelMarks = ['/usr/local/apnscp', '/usr/local/apiscp', '/etc/virtualhosting'];

/** The sign of a live panel on this machine, or undefined. */
export const panelMark = () => panelMarks.find((path) => existsSync(path));

/**
 * Packages of the list that dpkg does not have; all of them where there is no dpkg. Reads the database
 * directory instead of asking dpkg, which would cost more than the rest of the set-up.
 *
 * @param {readonly string[]} names
 */
export function missingPackages(names) {
  if (!existsSync('/var/lib/dpkg/info')) return [...names];
  const known = new Set(
    readdirSync('/var/lib/dpkg/info')
      .filter((name) => name.endsWith('.list'))
      .map((name) => name.slice(0, -'.list'.length).replace(/:.*$/, '')),
  );
  return names.filter((name) => !known.has(name));
}

/** Debian itself, or a CI machine of its family. */
export function mayInstall() {
  if (process.getuid?.() !== 0 || panelMark() !== undefined) return false;
  if (!existsSync('/usr/bin/apt-get')) return false;
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return /^ID=debian$/m.test(release) || process.env['CI'] === 'true';
}

/**
 * Installs the packages; true when apt says so.
 *
 * @param {readonly string[]} names
 */
export function install(names) {
  const denied = !existsSync(policyPath);
  const restore = () => denied && rmSync(policyPath, { force: true });
  const onSignal = () => {
    restore();
    process.exit(130);
  };
  if (denied) writeFileSync(policyPath, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    apt(['update', '-qq']);
    return apt(['install', '-y', '-qq', '--no-install-recommends', ...names]);
  } finally {
    restore();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

/** @param {readonly string[]} args */
function apt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // Its chatter goes to stderr: stdout belongs to the command that the set-up was called for.
  return spawnSync('apt-get', args, { env, stdio: ['ignore', 2, 2] }).status === 0;
}
