/** Outcomes of a run as figures and as lines for people, added up as they come: nothing else of them is kept. */

import type { RunFigures } from '../../core/index.ts';
import type { AccountOutcome } from '../../core/jobs/backup/back-up.ts';
import { contentBytes } from '../../core/jobs/findings/measures.ts';

export class RunTotals {
  /** Accounts that failed and components that are missing, one line each. */
  readonly problems: string[] = [];
  #figures: Omit<RunFigures, 'accounts'> = { snapshots: 0, partial: 0, failed: 0, warnings: 0, bytes: 0 };

  add({ account, snapshot, error }: AccountOutcome): void {
    const name = account.domain === null ? account.site : `${account.site} (${account.domain})`;
    const { snapshots, partial, failed, warnings, bytes } = this.#figures;
    if (snapshot === null) {
      this.#figures = { ...this.#figures, failed: failed + 1 };
      this.problems.push(`${name}: ${error.code}: ${error.message}`);
      return;
    }
    const { header, body } = snapshot;
    this.#figures = {
      snapshots: snapshots + 1,
      partial: partial + (header.state === 'partial' ? 1 : 0),
      failed,
      warnings: warnings + Object.values(body.warningCounts).reduce((sum, count) => sum + count, 0),
      bytes: bytes + contentBytes(body),
    };
    for (const component of body.components) {
      if (component.error === undefined) continue;
      const { code, message } = component.error;
      this.problems.push(`${name}: ${component.type} ${component.name}: ${code}: ${message}`);
    }
  }

  /** @param accounts that the run was to back up */
  figures(accounts: number): RunFigures {
    return { accounts, ...this.#figures };
  }
}
