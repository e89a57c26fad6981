/** Outcomes of a run as figures and as lines for people. Pure. */

import type { RunFigures } from '../../core/index.ts';
import type { AccountOutcome } from '../../core/jobs/backup/back-up.ts';

export function figuresOf(accounts: number, outcomes: readonly AccountOutcome[]): RunFigures {
  const snapshots = outcomes.flatMap(({ snapshot }) => (snapshot === null ? [] : [snapshot]));
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
  return {
    accounts,
    snapshots: snapshots.length,
    partial: snapshots.filter(({ header }) => header.state === 'partial').length,
    failed: outcomes.length - snapshots.length,
    warnings: sum(snapshots.flatMap(({ body }) => Object.values(body.warningCounts))),
    bytes: sum(snapshots.map(({ body }) => body.counts.bytes)),
  };
}

/** Accounts that failed and components that are missing, one line each. */
export function problemsOf(outcomes: readonly AccountOutcome[]): string[] {
  return outcomes.flatMap(({ account, snapshot, error }) => {
    const name = account.domain === null ? account.site : `${account.site} (${account.domain})`;
    if (error !== null) return [`${name}: ${error.code}: ${error.message}`];
    return snapshot.body.components.flatMap((component) =>
      component.error === undefined
        ? []
        : [
            `${name}: ${component.type} ${component.name}: ${component.error.code}: ${component.error.message}`,
          ],
    );
  });
}
