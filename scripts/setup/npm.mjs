/**
 * npm packages: whether they are those of package-lock.json, and how to install and mend them.
 *
 * The Node that tests and demo run on is itself an npm package (`node`), brought by an install script;
 * where npm blocks such scripts it is fetched directly. fs-xattr has no binaries to download: it is built
 * here, against the headers that came with some Node, because those of nodejs.org may be out of reach.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const nodePath = join(root, 'node_modules', '.bin', 'node');

/** The prefix of a Node whose headers are installed, or undefined. */
export function headersPrefix() {
  const prefixes = [
    join(dirname(process.execPath), '..'),
    '/usr',
    '/usr/local',
    join(root, 'node_modules', 'node'),
    join(root, 'node_modules', `node-linux-${process.arch}`),
  ];
  return prefixes.find((prefix) => existsSync(join(prefix, 'include', 'node', 'node_api.h')));
}

/**
 * True when node_modules holds every package of package-lock.json in its version. npm's own record is
 * compared, not file times, which a clone or a copied cache does not keep. Optional packages may lack:
 * they are binaries for other platforms.
 */
export function packagesMatch() {
  const locked = packagesOf('package-lock.json');
  const installed = packagesOf(join('node_modules', '.package-lock.json'));
  return Object.entries(locked).every(
    ([path, { version, optional }]) =>
      path === '' ||
      (installed[path] === undefined ? optional === true : installed[path].version === version),
  );
}

/** True when the pinned Node is there. */
export const hasNode = () => existsSync(nodePath);

/** True when fs-xattr is built. A build is not proof that it works; the tests are. */
export const hasXattr = () => existsSync(join(root, 'node_modules/fs-xattr/build/Release/xattr.node'));

/**
 * Installs what package-lock.json names and leaves that file alone. Not `npm ci`: it refuses a lock file
 * without the binaries of platforms that the registry at hand does not carry.
 */
export const installPackages = () =>
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);

/** Fetches the pinned Node where npm did not run its install script. */
export const fetchNode = () =>
  run(process.execPath, ['installArchSpecificPackage.js'], join(root, 'node_modules', 'node')) && hasNode();

/** Builds fs-xattr where npm did not, or could not because the compiler came later. */
export const buildXattr = () => run('npm', ['rebuild', 'fs-xattr', '--foreground-scripts']) && hasXattr();

/**
 * @param {string} path
 * @returns {Record<string, { version?: string, optional?: boolean }>}
 */
function packagesOf(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages ?? {};
  } catch {
    return {};
  }
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function run(command, args, cwd = root) {
  const prefix = headersPrefix();
  const env = prefix === undefined ? process.env : { ...process.env, npm_config_nodedir: prefix };
  // Chatter goes to stderr: stdout belongs to the command that the set-up was called for.
  return spawnSync(command, args, { cwd, env, stdio: ['ignore', 2, 2] }).status === 0;
}
