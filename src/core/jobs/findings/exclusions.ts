/**
 * Whether something else is left out of an account than before: a scope, a policy or the panel was changed, and nobody may miss
 * it until the day of the restore. Pure.
 */

import type { Finding } from '../../archive/statistics.ts';
import { printable } from '../../printable.ts';
import type { Measures } from '../../state/measures.ts';

const mostNamed = 10;

/** One finding at most; none where nobody noted what was left out before. */
export function changedExclusions(newest: Measures, before: Measures | undefined): Finding[] {
  const [now, then] = [newest.excluded ?? [], before?.excluded];
  if (then === undefined) return [];
  const added = now.filter((one) => !then.includes(one));
  const gone = then.filter((one) => !now.includes(one));
  const message = [...named('newly left out', added), ...named('no longer left out', gone)].join('; ');
  if (message === '') return [];
  return [
    { code: 'exclusions-changed', what: 'exclusions', measured: now.length, usual: then.length, message },
  ];
}

function named(what: string, all: readonly string[]): string[] {
  if (all.length === 0) return [];
  const others = all.length > mostNamed ? ` and ${all.length - mostNamed} more` : '';
  const shown = all.slice(0, mostNamed).map((one) => printable(one));
  return [`${what}: ${shown.join(', ')}${others}`];
}
