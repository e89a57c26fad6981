/**
 * Whether the package can be imported as its manifest says: publint and Are The Types Wrong, on the packed file.
 *
 *   node scripts/check-package.mjs [TARBALL]      packs the checkout where none is named
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-check-'));
try {
  const tarball = process.argv[2] ?? run(['scripts/pack.mjs', directory]).stdout.trim();
  const statuses = [
    ['node_modules/.bin/publint', 'run', tarball, '--strict'],
    // Node below 22 and require() are not supported, so only what ES modules see counts.
    ['node_modules/.bin/attw', tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-color'],
  ].map((step) => {
    const { status, stdout } = run(step);
    if (status !== 0) process.stdout.write(stdout);
    return status ?? 1;
  });
  process.exitCode = statuses.find((status) => status !== 0) ?? 0;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** @param {readonly string[]} step */
function run(step) {
  return spawnSync(process.execPath, [...step], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 16 * 1024 * 1024,
  });
}
