/**
 * The keep rules of a configuration over good snapshots. Pure; all calendars are UTC.
 */

import type { Retention } from '../../config/addin-schema.ts';
import type { RetainedSnapshot } from './types.ts';

type Counted = 'keepHourly' | 'keepDaily' | 'keepWeekly' | 'keepMonthly' | 'keepYearly';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const day = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

/** The span of each rule that holds an instant, as people call it. Weeks begin on Monday. */
const spans: Readonly<Record<Counted, (atMs: number) => string>> = {
  keepHourly: (atMs) => new Date(atMs).toISOString().slice(0, 13).replace('T', ' ').concat(':00'),
  keepDaily: day,
  // 1970 began on a Thursday.
  keepWeekly: (atMs) => `the week of ${day((Math.floor((atMs / dayMs + 3) / 7) * 7 - 3) * dayMs)}`,
  keepMonthly: (atMs) => day(atMs).slice(0, 7),
  keepYearly: (atMs) => day(atMs).slice(0, 4),
};

/** Whether any rule is there that keeps something. */
export const keepsAnything = (rules: Retention): boolean =>
  rules.keepLast !== undefined ||
  rules.keepWithin !== undefined ||
  Object.keys(spans).some((name) => rules[name as Counted] !== undefined);

/**
 * The reasons to keep each snapshot, none for those no rule keeps.
 *
 * @param newestFirst good snapshots in their order; of each span the first one met is its newest, also
 *   where a clock went back
 */
export function reasonsToKeep<S extends RetainedSnapshot>(
  newestFirst: readonly S[],
  rules: Retention,
  nowMs: number,
): ReadonlyMap<S, readonly string[]> {
  const reasons = new Map<S, string[]>(newestFirst.map((snapshot) => [snapshot, []]));
  const keep = (snapshot: S, why: string): void => {
    reasons.get(snapshot)!.push(why);
  };
  for (const snapshot of newestFirst.slice(0, rules.keepLast ?? 0)) {
    keep(
      snapshot,
      rules.keepLast === 1 ? 'the newest (keepLast)' : `of the newest ${rules.keepLast} (keepLast)`,
    );
  }
  for (const name of Object.keys(spans) as Counted[]) {
    const seen = new Set<string>();
    for (const snapshot of newestFirst) {
      if (seen.size >= (rules[name] ?? 0)) break;
      const span = spans[name](snapshot.atMs);
      if (seen.has(span)) continue;
      seen.add(span);
      keep(snapshot, `the newest of ${span} (${name})`);
    }
  }
  const within = rules.keepWithin;
  if (within !== undefined) {
    const since = startOf(within, nowMs);
    for (const snapshot of newestFirst) {
      if (snapshot.atMs >= since) keep(snapshot, `younger than ${within} (keepWithin)`);
    }
  }
  return reasons;
}

/**
 * The instant so long before now: `30d`, `12m`. Never goes back as time passes: on the 31st, "a month ago"
 * in a shorter month is its very end.
 */
export function startOf(within: string, nowMs: number): number {
  const [, digits, unit] = /^(\d+)([hdwmy])$/.exec(within) ?? [];
  const count = Number(digits);
  if (unit === 'h') return nowMs - count * hourMs;
  if (unit === 'd' || unit === 'w') return nowMs - count * (unit === 'd' ? 1 : 7) * dayMs;
  const months = unit === 'y' ? count * 12 : count;
  const now = new Date(nowMs);
  const first = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 1);
  const next = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months + 1, 1);
  const intoMonth = (now.getUTCDate() - 1) * dayMs + (nowMs % dayMs);
  return Math.min(first + intoMonth, next - 1);
}
