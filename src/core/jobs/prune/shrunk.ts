/**
 * Whether the newest good snapshot looks as if something went wrong with the account or the backup. Pure.
 *
 * A wiped or encrypted account, an unmounted disk or a wrong exclusion makes a small snapshot, and each
 * night that passes prunes a good one. So nothing goes until somebody has looked, or the account has been
 * that small for long enough to be believed.
 */

interface Measured {
  readonly name: string;
  readonly state: 'complete' | 'partial';
  readonly entries: number;
  readonly bytes: number;
}

const compared = 7;
/** With fewer before it there is nothing to compare with. */
const fewest = 3;

/** What looks wrong, or null. `ordered`: oldest first. */
export function looksShrunk(ordered: readonly Measured[]): string | null {
  const good = ordered.filter(({ state }) => state === 'complete');
  const newest = good.at(-1);
  const before = good.slice(0, -1).slice(-compared);
  if (newest === undefined || before.length < fewest) return null;
  for (const what of ['entries', 'bytes'] as const) {
    const usual = median(before.map((one) => one[what]));
    if (newest[what] < usual / 2) {
      return `${newest.name} has ${newest[what]} ${what}, the ${before.length} before it ${usual} in the median`;
    }
  }
  return null;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
