/** Counters of a capture, and how to begin them. */

import type { CaptureCounts } from './messages.ts';

export const noCounts = (): CaptureCounts => ({
  entries: 0,
  files: 0,
  directories: 0,
  links: 0,
  bytes: 0,
  kept: 0,
  changed: 0,
});
