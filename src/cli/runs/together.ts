/** What several partial snapshots of an account hold together. */

import type { ListedSnapshot } from '../../core/jobs/catalog.ts';
import type { Doubt, SnapshotJudge } from '../judged-snapshots.ts';

export interface Together {
  /** Since when they hold all that the newest names; null where one part is in none of them. */
  readonly goodAtMs: number | null;
  /** Trees and databases of the newest that are in none of them. */
  readonly lacking: readonly string[];
}

/**
 * @param listed oldest first
 * @param doubts get those that were passed over
 */
export async function together(
  judge: Pick<SnapshotJudge, 'read'>,
  listed: readonly ListedSnapshot[],
  doubts: Doubt[],
): Promise<Together> {
  const goodAt = new Map<string, number>();
  let wanted: readonly string[] = [];
  for (const one of listed.toReversed()) {
    const verdict = await judge.read(one);
    if (verdict.doubt !== null) doubts.push(verdict.doubt);
    const components = verdict.doubt === null ? verdict.judged.components : null;
    if (components === null) continue;
    if (wanted.length === 0) wanted = components.map(({ name }) => name);
    for (const { name, state } of components) {
      if (state === 'complete' && !goodAt.has(name)) goodAt.set(name, one.atMs);
    }
  }
  const lacking = wanted.filter((name) => !goodAt.has(name));
  const good = wanted.flatMap((name) => goodAt.get(name) ?? []);
  return { goodAtMs: good.length === 0 || lacking.length > 0 ? null : Math.min(...good), lacking };
}
