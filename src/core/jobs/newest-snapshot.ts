/**
 * Which snapshot of an owner is the newest: the last of its lineage, and of several lineages the one committed last.
 *
 * Within a lineage the sequence decides, because clocks go back. Sequences of two lineages (two addin
 * configurations, a machine set up anew) do not compare. One whose last is dated ahead of the clock, which only a clock that was
 * wrong can have done, counts as committed when the newest before that was, and before all others where there is none.
 *
 * Keys have sequence and instant, but no lineage, so manifests must be read where the two orders disagree, or some are dated ahead,
 * and only one otherwise. Reads nothing itself.
 */

import { isAhead } from '../ahead.ts';
import type { ListedSnapshot, Snapshot } from './catalog.ts';

/**
 * Those of one owner's snapshots that may be the newest: one where the newest instant has the highest
 * sequence, else the last of every run along which both orders agree; always all of the newest second, the
 * most that a key tells. Besides those all that are dated ahead, where not all are.
 */
export function newestCandidates(
  listed: readonly ListedSnapshot[],
  nowMs: number,
): readonly ListedSnapshot[] {
  const ahead = listed.filter(({ atMs }) => isAhead(atMs, nowMs));
  if (ahead.length === 0 || ahead.length === listed.length) return candidatesByOrder(listed);
  return [...ahead, ...candidatesByOrder(listed.filter(({ atMs }) => !isAhead(atMs, nowMs)))];
}

function candidatesByOrder(listed: readonly ListedSnapshot[]): readonly ListedSnapshot[] {
  const byTime = [...listed].sort((a, b) => a.atMs - b.atMs || a.sequence - b.sequence);
  const guess = byTime.at(-1);
  if (guess === undefined) return [];
  const sameSecond = byTime.filter(({ atMs }) => atMs === guess.atMs);
  if (byTime.every(({ sequence }) => sequence <= guess.sequence)) return sameSecond;
  const runs: ListedSnapshot[] = [];
  for (const one of byTime) {
    // The run that is nearest below: another's snapshots are mostly far from this one's.
    let best = -1;
    for (const [i, { sequence }] of runs.entries()) {
      if (sequence < one.sequence && (best < 0 || sequence > runs[best]!.sequence)) best = i;
    }
    runs[best < 0 ? runs.length : best] = one;
  }
  return [...new Set([...runs, ...sameSecond])];
}

interface Lineage<T> {
  /** By its number; of two of one number, which only a race can make, the one committed last. */
  readonly last: T;
  /** When the last commit was by which the lineage compares with others, ISO 8601; empty where all are ahead of the clock. */
  readonly placeAt: string;
}

/** The newest of candidates that have been read; null where there are none. */
export function newestOf<T extends Pick<Snapshot, 'header'>>(
  snapshots: readonly T[],
  nowMs: number,
): T | null {
  const [first, ...others] = lineagesOf(snapshots, nowMs);
  return first === undefined ? null : others.reduce((a, b) => (isNewer(b, a) ? b : a), first).last;
}

/** What would be the newest of candidates but for the clock: the last of other lineages that are dated ahead of it. */
export function aheadOf<T extends Pick<Snapshot, 'header'>>(
  newest: T,
  snapshots: readonly T[],
  nowMs: number,
): T[] {
  const isLater = (one: T): boolean => one.header.committedAt > newest.header.committedAt;
  return lineagesOf(snapshots, nowMs).flatMap(({ last }) =>
    last !== newest && isDatedAhead(last, nowMs) && isLater(last) ? [last] : [],
  );
}

function lineagesOf<T extends Pick<Snapshot, 'header'>>(
  snapshots: readonly T[],
  nowMs: number,
): Lineage<T>[] {
  const lineages = Map.groupBy(snapshots, ({ header }) => `${header.addin.id}/${header.lineage}`);
  return [...lineages.values()].map((ofLineage) => {
    const last = ofLineage.reduce((a, b) => (compare(b, a) > 0 ? b : a));
    // It came after these in any case.
    const past = ofLineage.filter((one) => !isDatedAhead(one, nowMs)).map(({ header }) => header.committedAt);
    const placeAt = isDatedAhead(last, nowMs) ? (past.sort().at(-1) ?? '') : last.header.committedAt;
    return { last, placeAt };
  });
}

const isDatedAhead = ({ header }: Pick<Snapshot, 'header'>, nowMs: number): boolean =>
  isAhead(Date.parse(header.startedAt), nowMs);

function compare({ header: a }: Pick<Snapshot, 'header'>, { header: b }: Pick<Snapshot, 'header'>): number {
  return a.sequence - b.sequence || (a.committedAt < b.committedAt ? -1 : 1);
}

function isNewer<T extends Pick<Snapshot, 'header'>>(a: Lineage<T>, b: Lineage<T>): boolean {
  if (a.placeAt !== b.placeAt) return a.placeAt > b.placeAt;
  const [one, other] = [a.last.header, b.last.header];
  if (one.committedAt !== other.committedAt) return one.committedAt > other.committedAt;
  return one.sequence > other.sequence;
}
