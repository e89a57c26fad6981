/**
 * Collects the warnings of one snapshot: the first thousand whole, all of them counted by code.
 */

import type { Warning } from '../../archive/manifest.ts';

const kept = 1000;

export class WarningList {
  readonly first: Warning[] = [];
  readonly counts: Record<string, number> = {};

  add(warning: Warning): void {
    this.counts[warning.code] = (this.counts[warning.code] ?? 0) + 1;
    if (this.first.length < kept) this.first.push(warning);
  }

  get total(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }
}
