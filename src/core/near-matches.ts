/**
 * Finds what somebody probably meant: names close to one that does not exist.
 */

/** Up to three of `known`, nearest first; empty when nothing is close. */
function nearMatches(wanted: string, known: Iterable<string>): string[] {
  const target = wanted.toLowerCase();
  const limit = Math.max(1, Math.floor(target.length / 3));
  const found: { name: string; distance: number }[] = [];
  for (const name of new Set(known)) {
    const candidate = name.toLowerCase();
    if (Math.abs(candidate.length - target.length) > limit && !candidate.startsWith(target)) continue;
    const distance = candidate.startsWith(target) ? 1 : editDistance(target, candidate);
    if (distance <= limit) found.push({ name, distance });
  }
  found.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  return found.slice(0, 3).map(({ name }) => name);
}

/** `did you mean "a" or "b"?`, or null when nothing is close. */
export function didYouMean(wanted: string, known: Iterable<string>): string | null {
  const names = nearMatches(wanted, known).map((name) => `"${name}"`);
  return names.length === 0 ? null : `did you mean ${names.join(' or ')}?`;
}

/** Insertions, removals, replacements and swaps of neighbours that lead from one text to the other. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let best = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, (before[column - 2] ?? 0) + 1);
      }
      current.push(best);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
