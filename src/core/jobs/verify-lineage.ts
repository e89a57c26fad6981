/**
 * Whether the snapshots of one lineage follow one another, and where they do not, what is missing or wrong.
 *
 * Pure: what prune events say comes from the caller.
 */

import type { PrunedRefs } from './prune-events.ts';
import { ascending, gapText, numbersIn, rangesBetween } from './sequence-ranges.ts';
import type { HistoryLink, HistoryProblem } from './verify-history.ts';

/** A sequence, and what has it: two of one sequence are unusual and no damage. */
type Step = readonly [sequence: number, links: readonly HistoryLink[]];

export class LineageHistory {
  readonly #steps: readonly Step[];
  readonly #storeId: string | null;
  readonly #damaged: readonly number[];

  constructor(links: readonly HistoryLink[], storeId: string | null, damaged: readonly number[]) {
    this.#steps = [...Map.groupBy(links, ({ sequence }) => sequence)].sort(([a], [b]) => a - b);
    this.#storeId = storeId;
    this.#damaged = damaged;
  }

  get hasGaps(): boolean {
    return this.#steps.some(([sequence], i) => sequence !== (this.#steps[i - 1]?.[0] ?? 0) + 1);
  }

  problems(events: PrunedRefs): HistoryProblem[] {
    const { lineage } = this.#steps[0]![1][0]!;
    const pruned = Map.groupBy(
      events.removed.filter((ref) => ref.lineage === lineage),
      ({ sequence }) => sequence,
    );
    const accepted = events.missing.filter((one) => one.lineage === lineage).map(({ sequence }) => sequence);
    const explained = [...pruned.keys(), ...accepted, ...this.#damaged].sort(ascending);
    const problems: HistoryProblem[] = [];
    let before: Step = [0, []];
    for (const step of this.#steps) {
      const [sequence, links] = step;
      const gaps = rangesBetween(before[0], sequence, explained);
      // What came from another store need not have all that it has there.
      if (gaps.length > 0 && [...before[1], ...links].every(({ store }) => store === this.#storeId)) {
        const message = `${gapText(gaps)} and no prune event says why${unusableText(events)}`;
        const missing = numbersIn(gaps).map((number) => ({ lineage, sequence: number }));
        problems.push({ ...placeOf(links[0]!), kind: 'gap', message, missing });
      }
      const last = before[0] === sequence - 1 ? before[1] : [];
      const digests = [...last, ...(pruned.get(sequence - 1) ?? [])].map(({ digest }) => digest);
      for (const link of links) {
        const fits = sequence === 1 ? link.previous === null : digests.includes(link.previous ?? '');
        if (fits || (sequence > 1 && digests.length === 0)) continue;
        problems.push({ ...placeOf(link), kind: 'previous', message: previousText(sequence) });
      }
      before = step;
    }
    return problems;
  }
}

const placeOf = ({
  server,
  owner,
  name,
}: HistoryLink): Pick<HistoryProblem, 'server' | 'owner' | 'snapshot'> => ({
  server,
  owner,
  snapshot: name,
});

/** The first of the prune events that may say why, for all that anybody knows. */
function unusableText({ unreadable, distrusted }: PrunedRefs): string {
  const events = [
    ...unreadable.slice(0, 1).map((key) => `; ${key} cannot be read`),
    ...distrusted.slice(0, 1).map((key) => `; ${key} is not trusted`),
  ];
  return events.join('');
}

function previousText(sequence: number): string {
  if (sequence === 1) return 'its "previous" names a snapshot, but it is the first of its sequence';
  return `its "previous" is not the digest of snapshot ${sequence - 1} of its sequence`;
}
