/**
 * Brings a fresh checkout to the point where a command can run, then runs it on the pinned Node.
 *
 *   node scripts/setup.mjs demo|test|bench|none [SCRIPT [ARGUMENT]...]
 *
 * Plain JavaScript on Node's own modules, for it runs before anything is installed (Node 20 will do), and
 * costs a few milliseconds when everything is there. Exit status 5 means that something is missing which
 * it may not install: it then says what, and how.
 */

import { spawn } from 'node:child_process';
import { install, mayInstall, missingPackages, packageSets, panelMark } from './setup/debian.mjs';
import {
  buildXattr,
  fetchNode,
  hasNode,
  hasXattr,
  headersPrefix,
  installPackages,
  nodePath,
  packagesMatch,
  root,
} from './setup/npm.mjs';

/**
 * Says why the set-up stops, and stops.
 *
 * @param {readonly string[]} lines
 */
function refuse(...lines) {
  for (const line of lines) say(line);
  process.exit(5);
}

/** @param {string} text */
const say = (text) => process.stderr.write(`set-up: ${text}\n`);

/** @param {'demo' | 'test' | 'bench'} purpose */
function ensureDebian(purpose) {
  const wanted = [...packageSets[purpose]];
  if (purpose === 'test' && headersPrefix() === undefined) wanted.push('libnode-dev');
  const missing = missingPackages(wanted);
  if (missing.length === 0) return;
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  const mark = panelMark();
  if (mark !== undefined) {
    refuse(`${mark} exists: a panel lives on this machine, so nothing is installed`, `needed: ${command}`);
  }
  if (!mayInstall()) refuse('Debian packages are missing, and this is not root on Debian', `run: ${command}`);
  say(`installing Debian packages: ${missing.join(' ')}`);
  if (!install(missing)) refuse(`apt-get failed; mend that, or run: ${command}`);
}

/** @param {string} purpose */
function ensureNpm(purpose) {
  const needsXattr = purpose === 'test';
  if (packagesMatch() && hasNode() && (hasXattr() || !needsXattr)) return;
  if (panelMark() !== undefined) refuse('npm packages are missing; run: npm install --no-save');
  say('installing npm packages');
  if (!installPackages()) refuse('npm failed; mend that and run the command again');
  if (!hasNode() && !fetchNode()) {
    refuse('the npm package "node" has brought no Node: its install script did not run or had no network');
  }
  if (needsXattr && !hasXattr() && !buildXattr()) {
    refuse('fs-xattr does not build here, and the tests need it as a second witness (see above)');
  }
}

/** @param {readonly string[]} command */
function runPinned(command) {
  const child = spawn(nodePath, command, { cwd: root, stdio: 'inherit' });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal === 'SIGINT' ? 2 : 15);
  });
}

const [purpose, ...command] = process.argv.slice(2);
if (purpose !== 'demo' && purpose !== 'test' && purpose !== 'bench' && purpose !== 'none') {
  throw new TypeError('usage: node scripts/setup.mjs demo|test|bench|none [SCRIPT [ARGUMENT]...]');
}
if (process.platform !== 'linux') refuse('Holdfast runs on Linux only');
if (purpose !== 'none') ensureDebian(purpose);
ensureNpm(purpose);
if (command.length > 0) runPinned(command);
