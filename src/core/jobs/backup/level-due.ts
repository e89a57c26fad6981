/** Which level to ask a provider for, where a policy wants a full from time to time. */

import { isAhead } from '../../ahead.ts';
import type { Account } from '../../contracts/panel.ts';
import type { RequestedLevel } from '../../contracts/provider.ts';

interface LevelAsked {
  readonly level: RequestedLevel;
  readonly account: Account;
  readonly fullEveryDays?: (account: Account) => number | null;
  readonly world: { readonly now: () => number };
}

const dayMs = 86_400_000;
/** The last full may have waited for its turn in a run that began long before it; the next run asks at its beginning. */
const slackMs = 12 * 3_600_000;

/** A full where the policy wants one by now, else what was asked for. */
export function levelDue(
  { level, account, fullEveryDays, world }: LevelAsked,
  history: readonly { readonly level: string; readonly atMs: number }[],
): RequestedLevel {
  const days = level === 'auto' ? (fullEveryDays?.(account) ?? null) : null;
  if (days === null) return level;
  const nowMs = world.now();
  const sinceMs = nowMs - days * dayMs + slackMs;
  const isRecent = (atMs: number): boolean => atMs > sinceMs && !isAhead(atMs, nowMs);
  return history.some((one) => one.level === 'full' && isRecent(one.atMs)) ? level : 'full';
}
