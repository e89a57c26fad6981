/**
 * The package as it would be published, packed once for each state of the source and kept below
 * `node_modules/.cache`, so that the test files which install it share one build.
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const kept = resolve('node_modules/.cache/holdfast-sdk');
/** A run of all long tests may still use what another has replaced. */
const keptMs = 86_400_000;

/** Path of the tarball. */
export async function packedSdk(): Promise<string> {
  const { version, files } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    version: string;
    files: readonly string[];
  };
  const directory = join(kept, stateOf(['package.json', 'scripts/build.mjs', 'src', ...files]));
  const tarball = join(directory, `holdfast-${version}.tgz`);
  const lock = `${directory}.lock`;
  for (;;) {
    if (existsSync(tarball)) return tarball;
    try {
      mkdirSync(kept, { recursive: true });
      mkdirSync(lock);
      break;
    } catch {
      // Another test file is at it. One that was killed leaves a lock that means nothing any more.
      if (ageMs(lock) > 180_000) rmSync(lock, { recursive: true, force: true });
      await sleep(200);
    }
  }
  try {
    for (const old of readdirSync(kept)) {
      if (ageMs(join(kept, old)) > keptMs) rmSync(join(kept, old), { recursive: true, force: true });
    }
    await execute(process.execPath, ['scripts/pack.mjs', directory], { timeout: 170_000 });
    return tarball;
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

/** Directory of its files, where packages are found as from the checkout. */
export async function unpackedSdk(): Promise<string> {
  const tarball = await packedSdk();
  const place = join(dirname(tarball), 'package');
  if (existsSync(place)) return place;
  const temporary = join(dirname(tarball), `.${process.pid}`);
  mkdirSync(temporary);
  try {
    await execute('tar', ['-xzf', tarball, '-C', temporary]);
    if (!existsSync(place)) renameSync(join(temporary, 'package'), place);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return place;
}

function ageMs(path: string): number {
  const since = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return since === undefined ? 0 : Date.now() - since;
}

/** By names, sizes and times of all files; `dist` is made from them. */
function stateOf(paths: readonly string[]): string {
  const hash = createHash('sha256');
  const add = (path: string): void => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.isDirectory()) for (const name of readdirSync(path).sort()) add(join(path, name));
    else hash.update(`${path}\0${stat.size}\0${stat.mtimeMs}\n`);
  };
  for (const path of paths) if (path !== 'dist' && !path.startsWith('!')) add(path);
  return hash.digest('hex').slice(0, 16);
}
