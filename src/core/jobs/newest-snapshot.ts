/**
 * Which snapshot of an owner is the newest: the last of its lineage, and of several lineages the one committed last.
 *
 * Within a lineage the sequence decides, because clocks go back. Sequences of two lineages (two addin
 * configurations, a machine set up anew) do not compare. Keys have sequence and instant, but no lineage, so
 * manifests must be read where the two orders disagree, and only one otherwise. Reads nothing itself.
 */

import type { ListedSnapshot, Snapshot } from './catalog.ts';

/**
 * Those of one owner's snapshots that may be the newest: one where the newest instant has the highest
 * sequence, else the last of every run along which both orders agree; always all of the newest second, the
 * most that a key tells.
 */
export function newestCandidates(listed: readonly ListedSnapshot[]): readonly ListedSnapshot[] {
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

/** The newest of candidates that have been read; null where there are none. */
export function newestOf<T extends Pick<Snapshot, 'header'>>(snapshots: readonly T[]): T | null {
  const last = new Map<string, T>();
  for (const snapshot of snapshots) {
    const { addin, lineage, sequence } = snapshot.header;
    const slot = `${addin.id}/${lineage}`;
    const other = last.get(slot);
    const later = other === undefined || sequence > other.header.sequence;
    if (later || (sequence === other.header.sequence && isNewer(snapshot, other))) last.set(slot, snapshot);
  }
  return [...last.values()].reduce<T | null>((a, b) => (a === null || isNewer(b, a) ? b : a), null);
}

function isNewer({ header: a }: Pick<Snapshot, 'header'>, { header: b }: Pick<Snapshot, 'header'>): boolean {
  if (a.committedAt !== b.committedAt) return a.committedAt > b.committedAt;
  return a.sequence > b.sequence;
}
