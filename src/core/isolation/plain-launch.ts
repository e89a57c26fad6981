/** Starts the process of an addin as it is: a process of its own, and no other protection. */

import { ownModule } from '../own-files.ts';
import type { Launch } from './addin-process.ts';

export const childEntry = ownModule('core/isolation/child');

/** Megabytes of JavaScript objects; bytes of objects in flight are not among them. */
const heapMegabytes = 512;

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
