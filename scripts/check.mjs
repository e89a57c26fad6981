/** Type check, lint and reference of the SDK, for the whole checkout; all run, and the first status that is not 0 counts. */

import { spawnSync } from 'node:child_process';

const steps = [
  ['node_modules/typescript/bin/tsc', '-p', '.'],
  ['node_modules/.bin/biome', 'check', '.'],
  ['scripts/write-reference.ts', '--check'],
];
const statuses = steps.map((step) => spawnSync(process.execPath, step, { stdio: 'inherit' }).status ?? 1);
process.exitCode = statuses.find((status) => status !== 0) ?? 0;
