/**
 * Builds `dist/` for the package: JavaScript and types from `src/`, and what lies beside the source.
 *
 *   node scripts/build.mjs [DIRECTORY]      below this directory instead of the checkout
 */

import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const out = resolve(process.argv[2] ?? '.', 'dist');
rmSync(out, { recursive: true, force: true });
const compiler = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', out];
const { status } = spawnSync(process.execPath, compiler, { stdio: 'inherit' });
for (const name of readdirSync('src', { recursive: true, withFileTypes: true })) {
  const path = join(name.parentPath, name.name);
  // `rescue.py` and its page are read at run time, to be put into every store.
  if (name.isFile() && !path.endsWith('.ts')) cpSync(path, join(out, path.slice('src/'.length)));
}
process.exitCode = status ?? 1;
