/** Starts the process of an addin as it is: a process of its own, and no other protection. */

import { fileURLToPath } from 'node:url';
import type { Launch } from './addin-process.ts';

/** Runs as source and as compiled. */
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
export const childEntry = fileURLToPath(new URL(`./child.${extension}`, import.meta.url));

/** Megabytes of JavaScript objects; bytes of objects in flight are not among them. */
export const heapMegabytes = 512;

export const nodeArguments = (): readonly string[] => [
  `--max-old-space-size=${heapMegabytes}`,
  '--disable-warning=ExperimentalWarning',
  childEntry,
];

export const plainLaunch = (env: Launch['env'] = {}): Launch => ({
  kind: 'plain',
  command: process.execPath,
  args: nodeArguments(),
  env,
  uid: process.getuid?.() ?? 0,
});
