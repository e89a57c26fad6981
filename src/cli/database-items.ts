/** What became of each database, as the document of `db export` has it. */

import type { HoldfastError } from '../core/errors.ts';
import type { DatabaseOutcome } from '../core/jobs/export-databases/types.ts';
import type { DatabaseItem } from './documents/database-export.ts';

export function describeOutcome(outcome: DatabaseOutcome): DatabaseItem {
  const { account, instance, engine, database, warnings, notes } = outcome;
  const common = {
    account: account.site,
    domain: account.domain,
    instance,
    engine,
    database,
    snapshot: null,
    milliseconds: Math.round(outcome.endedAtMs - outcome.startedAtMs),
    warnings: warnings.map(({ code, message }) => ({ code, message })),
    notes: notes.map(({ code, message }) => ({ code, message })),
  };
  if (outcome.error !== null) {
    return { ...common, ...nothing, state: 'failed', error: describeError(outcome.error) };
  }
  const { path, plainBytes, storedBytes, consistency, lockHeldMs, lockedTables } = outcome;
  return {
    ...common,
    state: 'complete',
    error: null,
    path,
    plainBytes,
    storedBytes,
    instant: new Date(outcome.instantMs).toISOString(),
    consistency,
    lockHeldMs: Math.round(lockHeldMs),
    lockedTables: [...lockedTables],
  };
}

/** What a failed one has none of. */
export const nothing = {
  path: null,
  plainBytes: 0,
  storedBytes: null,
  instant: null,
  consistency: null,
  lockHeldMs: 0,
  lockedTables: [],
};

export const describeError = ({
  code,
  message,
  hint,
}: HoldfastError): NonNullable<DatabaseItem['error']> => ({
  code,
  message,
  hint: hint ?? null,
});

export const inOrder = (items: readonly DatabaseItem[], sites: readonly string[]): DatabaseItem[] => {
  const place = new Map(sites.map((site, at) => [site, at]));
  const key = (one: DatabaseItem): string => `${one.instance}/${one.database ?? ''}`;
  return [...items].sort(
    (a, b) => (place.get(a.account) ?? 0) - (place.get(b.account) ?? 0) || (key(a) < key(b) ? -1 : 1),
  );
};
