/** Type check, lint, reference of the SDK and the packed package, for the whole checkout; all run, and the first status that is not 0 counts. */

import { spawnSync } from 'node:child_process';

const steps = [
  ['node_modules/typescript/bin/tsc', '-p', '.'],
  ['node_modules/.bin/biome', 'check', '.'],
  ['scripts/write-reference.ts', '--check'],
  ['scripts/check-package.mjs'],
];
const statuses = steps.map((step) => spawnSync(process.execPath, step, { stdio: 'inherit' }).status ?? 1);
process.exitCode = statuses.find((status) => status !== 0) ?? 0;
