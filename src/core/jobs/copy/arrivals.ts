/**
 * Which of the snapshots that a copy was to get have come, and what follows for those that its retention refused.
 *
 * Retention judges as if all had come. What is refused for the sake of one that never does would be missing for good.
 */

import type { CopyPlan } from './plan.ts';

/**
 * `settled`: it is in the copy, or was never to be. `doubtful`: it will be looked at once more. `missed`: it is damaged, or gone
 * from the main store. What failed for another reason has no outcome.
 */
type Outcome = 'settled' | 'doubtful' | 'missed';

export class Arrivals {
  readonly #outcomes = new Map<string, Outcome>();
  /** Of each owner the one that counts. */
  readonly #plans = new Map<string, CopyPlan>();

  /** Keys of manifests. */
  get missed(): ReadonlySet<string> {
    return new Set([...this.#outcomes].flatMap(([key, outcome]) => (outcome === 'missed' ? [key] : [])));
  }

  expect(plan: CopyPlan): void {
    for (const owner of plan.refused.keys()) this.#plans.set(owner, plan);
  }

  note(key: string, outcome: Outcome): void {
    this.#outcomes.set(key, outcome);
  }

  /** Owners of whom something in this plan was missed. Not those of whom anything else is left for the next run. */
  missedIn({ wanted }: CopyPlan): ReadonlySet<string> {
    const owned = Map.groupBy(wanted, ({ owner }) => owner);
    const owners = [...owned].flatMap(([owner, ofOwner]) => {
      const outcomes = ofOwner.map(({ key }) => this.#outcomes.get(key));
      return outcomes.includes('missed') && !outcomes.includes(undefined) ? [owner] : [];
    });
    return new Set(owners);
  }

  /** Keys of what was refused for the sake of what is there now. */
  *refused(): Iterable<string> {
    for (const [owner, { wanted, refused }] of this.#plans) {
      const isThere = wanted.every((one) => one.owner !== owner || this.#outcomes.get(one.key) === 'settled');
      if (isThere) yield* refused.get(owner) ?? [];
    }
  }
}
