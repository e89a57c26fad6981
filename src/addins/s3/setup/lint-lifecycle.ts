/**
 * Finds lifecycle rules that would cost backups. Pure: rules in, findings out, no bucket.
 *
 * A service removes by age and knows nothing of what refers to what, so hardly any rule that expires
 * current objects is right. Where several apply to an object, the shortest expiry wins.
 */

import { keyClasses } from '../../../core/index.ts';
import { days, type LifecycleRule, meets } from './lifecycle.ts';
import { type LintFinding, type LintOptions, lintExpiry, lintOrder } from './lint-expiry.ts';

export type { LintOptions };

/** Worst first. Empty where nothing is wrong. */
export function lintLifecycle(all: readonly LifecycleRule[], options: LintOptions): LintFinding[] {
  const rules = all.filter((rule) => rule.enabled && canMatchTags(rule, options.tags));
  const found = [
    ...lintExpiry(rules, options),
    ...lintOrder(rules, options),
    ...lintOverlaps(rules, options),
    ...lintArchives(rules, options),
    ...lintAborts(rules, options),
  ];
  const order = ['error', 'warning', 'note'];
  return found.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
}

/** Whether a rule aborts unfinished uploads of all that is put in parts. */
export function abortsLeftovers(rules: readonly LifecycleRule[], prefix: string): boolean {
  const aborting = rules.filter(
    ({ enabled, abortAfterDays, tags, bySize }) =>
      enabled && abortAfterDays !== null && !bySize && Object.keys(tags).length === 0,
  );
  return keyClasses.every((one) => aborting.some((rule) => `${prefix}${one}/`.startsWith(rule.prefix)));
}

function lintOverlaps(rules: readonly LifecycleRule[], { prefix }: LintOptions): LintFinding[] {
  const found: LintFinding[] = [];
  const expiring = rules.filter((rule) => rule.expiresAfterDays !== null && meets(rule.prefix, prefix));
  for (const [index, one] of expiring.entries()) {
    for (const other of expiring.slice(index + 1)) {
      const [a, b] = [one.expiresAfterDays ?? 0, other.expiresAfterDays ?? 0];
      if (a === b || !meets(one.prefix, other.prefix)) continue;
      const [shorter, longer] = a < b ? [one, other] : [other, one];
      const where = one.prefix.length > other.prefix.length ? one.prefix : other.prefix;
      found.push({
        kind: 'overlap',
        state: 'warning',
        rules: [one.id, other.id],
        detail:
          `rules ${one.id} and ${other.id} both expire ${where === '' ? 'everything' : where}; the shorter one wins, ` +
          `so objects there go after ${days(Math.min(a, b))} (${shorter.id}), not after ${days(Math.max(a, b))} (${longer.id})`,
        hint: 'Give each prefix one rule that expires it.',
      });
    }
  }
  return found;
}

function lintArchives(rules: readonly LifecycleRule[], options: LintOptions): LintFinding[] {
  return rules.flatMap((rule): LintFinding[] => {
    const archive = rule.movesTo.find((name) => options.archiveClasses.includes(name));
    if (archive === undefined) return [];
    const classes = keyClasses.filter((one) => meets(rule.prefix, `${options.prefix}${one}/`));
    const online = classes.filter((one) => one !== 'data' && one !== 'runs');
    const found: LintFinding[] = [];
    if (online.length > 0) {
      found.push({
        kind: 'archived',
        state: 'error',
        rules: [rule.id],
        detail: `rule ${rule.id} moves ${online.join(', ')} to ${archive}; every command would wait hours for them to thaw`,
        hint: `Limit the rule to ${options.prefix}data/.`,
      });
    }
    if (classes.includes('data')) {
      found.push({
        kind: 'archived-data',
        state: 'note',
        rules: [rule.id],
        detail: `rule ${rule.id} moves data to ${archive}; it must be thawed before a restore`,
        hint: 'Move data only after the days in which you expect restores.',
      });
    }
    return found;
  });
}

function lintAborts(rules: readonly LifecycleRule[], { prefix }: LintOptions): LintFinding[] {
  const hasty = rules.filter(
    (rule) => rule.abortAfterDays !== null && rule.abortAfterDays < 2 && meets(rule.prefix, prefix),
  );
  const found = hasty.map(({ id, abortAfterDays }): LintFinding => {
    return {
      kind: 'hasty-abort',
      state: 'warning',
      rules: [id],
      detail: `rule ${id} aborts uploads after ${days(abortAfterDays ?? 0)}; a large export on a slow line may still be under way`,
      hint: 'Let it wait for 7 days.',
    };
  });
  if (!abortsLeftovers(rules, prefix)) {
    found.push({
      kind: 'no-abort-rule',
      state: 'warning',
      rules: [],
      detail: 'no rule aborts unfinished uploads; what a crash leaves is paid for and shows in no listing',
      hint: 'Run holdfast store init --apply, or add a rule that aborts them after 7 days.',
    });
  }
  return found;
}

const canMatchTags = (rule: LifecycleRule, ours: Readonly<Record<string, string>>): boolean =>
  Object.entries(rule.tags).every(([name, value]) => ours[name] === value);
