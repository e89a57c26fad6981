/** Starts the process of an addin as it is: a process of its own, and no other protection. */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Launch } from './addin-process.ts';

/** Runs as source and as compiled. */
export const childEntry = (): string => {
  const source = fileURLToPath(new URL('./child.ts', import.meta.url));
  return existsSync(source) ? source : fileURLToPath(new URL('./child.js', import.meta.url));
};

/** Megabytes of JavaScript objects; bytes of objects in flight are not among them. */
export const heapMegabytes = 512;

export const nodeArguments = (): readonly string[] => [
  `--max-old-space-size=${heapMegabytes}`,
  '--disable-warning=ExperimentalWarning',
  childEntry(),
];

export const plainLaunch = (): Launch => ({ command: process.execPath, args: nodeArguments(), env: {} });
