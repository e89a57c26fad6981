/**
 * Collects the warnings of one snapshot: the first thousand whole, all of them counted by code.
 */

import type { Warning } from '../../archive/manifest.ts';

const kept = 1000;

/** The panel exports the databases as well, by a clock of its own. */
export const exportedTwice: Warning = {
  code: 'exported-twice',
  component: 'account',
  message:
    'the panel exports the databases by itself too, at another time than the files; set backups.automatic-database-exports to false',
};

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
