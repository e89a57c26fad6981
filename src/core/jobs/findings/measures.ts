/**
 * What the findings of a snapshot are drawn from: its own numbers and those of the snapshots before it.
 */

import type { Manifest } from '../../archive/manifest.ts';
import type { SnapshotStatistics } from '../../archive/statistics.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import { isHoldfastError } from '../../errors.ts';
import type { Measures } from '../../state/measures.ts';
import { type ListedSnapshot, readSnapshot } from '../catalog.ts';

/** Snapshots before one that it is compared with, at most. */
export const compared = 7;

/**
 * Of all these, oldest first, what later ones are compared with: the newest, the newest good ones, since partial ones say nothing
 * of the size, and the last full, which says how the whole account compresses.
 */
export function comparable(all: readonly Measures[]): readonly Measures[] {
  const good = all.filter(({ state }) => state === 'complete');
  const full = all.findLast(({ changes, ratio }) => changes === null && ratio !== null);
  const kept = new Set([...all.slice(-compared), ...good.slice(-compared), full]);
  return all.filter((one) => kept.has(one));
}

export function measuresOf(
  header: Pick<Manifest['header'], 'id' | 'state'>,
  body: Pick<Manifest['body'], 'components' | 'counts' | 'statistics' | 'findings'> &
    Partial<Pick<Manifest['body'], 'exclusions'>>,
  steps = 1,
): Measures {
  const { changes, newBytes, ratio } = body.statistics ?? { changes: null, newBytes: 0, ratio: null };
  return {
    id: header.id,
    state: header.state,
    entries: body.counts.entries,
    bytes: contentBytes(body),
    changes: changes === null ? null : changes.added + changes.changed + changes.removed,
    ...(steps > 1 ? { steps } : {}),
    newBytes,
    ratio,
    ...(body.exclusions === undefined ? {} : { excluded: excludedOf(body.exclusions) }),
    findings: (body.findings ?? []).map(({ code, message }) => ({ code, message })),
  };
}

/** Plain bytes of files and exports. */
export const contentBytes = ({
  components,
  counts,
}: Pick<Manifest['body'], 'components' | 'counts'>): number =>
  components.reduce((sum, one) => sum + (one.type === 'database' ? one.plainBytes : 0), counts.bytes);

const excludedOf = (exclusions: Manifest['body']['exclusions']): string[] =>
  Object.entries(exclusions).flatMap(([tree, patterns]) => patterns.map((one) => `${tree}/${one}`));

/** `newStoredBytes` is what became of `newBytes`. */
export function statisticsOf(
  changes: SnapshotStatistics['changes'],
  newBytes: number,
  newStoredBytes: number,
): SnapshotStatistics {
  const ratio = newStoredBytes === 0 ? null : Math.round((newBytes / newStoredBytes) * 1000) / 1000;
  return { changes, newBytes, newStoredBytes, ratio };
}

/** Of the newest of `history`, oldest first, for a server that remembers none; without those it cannot read. */
export async function readMeasures(
  provider: KeyedProvider,
  history: readonly ListedSnapshot[],
  signal: AbortSignal,
): Promise<Measures[]> {
  const read = history.slice(-compared).map(async (listed) => {
    try {
      const { header, body } = await readSnapshot(provider, listed, signal);
      return [measuresOf(header, body)];
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      return [];
    }
  });
  return (await Promise.all(read)).flat();
}
