/**
 * Packs the package as it would be published, without touching `dist/` of the checkout.
 *
 *   node scripts/pack.mjs DIRECTORY         prints the path of the tarball in it
 */

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const target = resolve(process.argv[2] ?? '.');
const staging = mkdtempSync(join(tmpdir(), 'holdfast-pack-'));
try {
  const { files } = JSON.parse(readFileSync('package.json', 'utf8'));
  for (const name of ['package.json', 'README.md', 'LICENSE', ...files]) {
    if (name !== 'dist' && existsSync(name)) cpSync(name, join(staging, name), { recursive: true });
  }
  mkdirSync(target, { recursive: true });
  run(process.execPath, ['scripts/build.mjs', staging], '.');
  // The prepack script would build once more, and in the checkout.
  const npm = ['pack', '--ignore-scripts', '--json', '--pack-destination', target];
  const [{ filename }] = JSON.parse(run('npm', npm, staging));
  process.stdout.write(`${join(target, filename)}\n`);
} finally {
  rmSync(staging, { recursive: true, force: true });
}

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {string} cwd
 */
function run(program, args, cwd) {
  // npm looks for the Node that runs it beside itself and in PATH.
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };
  const { status, stdout } = spawnSync(program, args, {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with status ${status}`);
  return stdout;
}
