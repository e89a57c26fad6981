/**
 * Finds lifecycle rules that would cost backups. Pure: rules in, findings out, no bucket.
 *
 * A service removes by age and knows nothing of what refers to what, so hardly any rule that expires
 * current objects is right. Where several apply to an object, the shortest expiry wins.
 */

import { type KeyClass, keyClasses, storeFiles } from '../../../core/index.ts';
import type { LifecycleRule } from './lifecycle.ts';

export interface LintOptions {
  /** The store's prefix: empty, or ends with a slash. */
  readonly prefix: string;
  /** Tags that the store gives to all its objects. */
  readonly tags: Readonly<Record<string, string>>;
  /** Days for which retention may keep a snapshot; null: without end. */
  readonly keepDays: number | null;
  readonly archiveClasses: readonly string[];
}

export interface LintFinding {
  readonly code:
    | 'expires-store-files'
    | 'expires-keys'
    | 'expires-data'
    | 'expires-index'
    | 'expires-manifests'
    | 'expires-events'
    | 'manifests-before-data'
    | 'data-before-manifests'
    | 'overlap'
    | 'archived'
    | 'archived-data'
    | 'no-abort-rule'
    | 'hasty-abort';
  readonly state: 'note' | 'warning' | 'error';
  readonly rules: readonly string[];
  readonly detail: string;
  readonly hint: string;
}

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

function lintExpiry(rules: readonly LifecycleRule[], options: LintOptions): LintFinding[] {
  const found: LintFinding[] = [];
  const files = expiring(rules, (rule) =>
    storeFiles.some((name) => `${options.prefix}${name}`.startsWith(rule.prefix)),
  );
  if (files !== null) {
    found.push({
      code: 'expires-store-files',
      state: 'error',
      rules: files.ids,
      detail: `${named(files)} holdfast.json after ${days(files.days)}; without it the store is no longer recognised`,
      hint: 'Limit the rule to prefixes outside the store.',
    });
  }
  const keys = expiringClass(rules, 'keys', options);
  if (keys !== null) {
    found.push({
      code: 'expires-keys',
      state: 'error',
      rules: keys.ids,
      detail: `${named(keys)} the keys of accounts after ${days(keys.days)}; nothing encrypted could be read then`,
      hint: 'Remove the rule, or limit it to other prefixes.',
    });
  }
  for (const one of ['data', 'index', 'manifests'] as const) {
    const expiry = expiringClass(rules, one, options);
    if (expiry !== null) found.push(judgeExpiry(one, expiry, options.keepDays));
  }
  const events = expiringClass(rules, 'events', options);
  if (events !== null) {
    found.push({
      code: 'expires-events',
      state: 'warning',
      rules: events.ids,
      detail: `${named(events)} events after ${days(events.days)}; pins and holds end then, and pruned snapshots look lost`,
      hint: 'Remove the rule, or limit it to other prefixes.',
    });
  }
  return found;
}

function judgeExpiry(
  one: 'data' | 'index' | 'manifests',
  expiry: Expiry,
  keepDays: number | null,
): LintFinding {
  const what = { data: 'data', index: 'indexes', manifests: 'manifests' }[one];
  const early = keepDays === null || expiry.days < keepDays;
  const kept = keepDays === null ? 'without end' : `for up to ${days(keepDays)}`;
  const reason = early
    ? `retention keeps snapshots ${kept}`
    : `retention keeps them ${kept}, but a later snapshot or a pin may still need them`;
  return {
    code: `expires-${one}`,
    state: early ? 'error' : 'warning',
    rules: expiry.ids,
    detail: `${named(expiry)} ${what} after ${days(expiry.days)}; ${reason}`,
    hint: 'Remove the rule and let holdfast prune remove what no snapshot needs.',
  };
}

/** A snapshot is its manifest and its data; neither may go first. */
function lintOrder(rules: readonly LifecycleRule[], options: LintOptions): LintFinding[] {
  const manifests = expiringClass(rules, 'manifests', options);
  const data = expiringClass(rules, 'data', options);
  if (manifests !== null && (data === null || manifests.days < data.days)) {
    const later = data === null ? 'stay' : `stay until ${days(data.days)}`;
    return [
      {
        code: 'manifests-before-data',
        state: 'error',
        rules: [...new Set([...manifests.ids, ...(data?.ids ?? [])])],
        detail: `manifests go after ${days(manifests.days)} and data ${later}: snapshots vanish while their space is paid for`,
        hint: 'Remove the expiry of manifests; holdfast prune removes them together with their data.',
      },
    ];
  }
  if (data !== null && (manifests === null || data.days < manifests.days)) {
    const later = manifests === null ? 'stay' : `stay until ${days(manifests.days)}`;
    return [
      {
        code: 'data-before-manifests',
        state: 'error',
        rules: [...new Set([...data.ids, ...(manifests?.ids ?? [])])],
        detail: `data goes after ${days(data.days)} and manifests ${later}: snapshots are listed that cannot be restored`,
        hint: 'Remove the expiry of data; holdfast prune removes it when no snapshot refers to it.',
      },
    ];
  }
  return [];
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
        code: 'overlap',
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
        code: 'archived',
        state: 'error',
        rules: [rule.id],
        detail: `rule ${rule.id} moves ${online.join(', ')} to ${archive}; every command would wait hours for them to thaw`,
        hint: `Limit the rule to ${options.prefix}data/.`,
      });
    }
    if (classes.includes('data')) {
      found.push({
        code: 'archived-data',
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
      code: 'hasty-abort',
      state: 'warning',
      rules: [id],
      detail: `rule ${id} aborts uploads after ${days(abortAfterDays ?? 0)}; a large export on a slow line may still be under way`,
      hint: 'Let it wait for 7 days.',
    };
  });
  if (!abortsLeftovers(rules, prefix)) {
    found.push({
      code: 'no-abort-rule',
      state: 'warning',
      rules: [],
      detail: 'no rule aborts unfinished uploads; what a crash leaves is paid for and shows in no listing',
      hint: 'Run holdfast store init --apply, or add a rule that aborts them after 7 days.',
    });
  }
  return found;
}

interface Expiry {
  readonly days: number;
  readonly ids: readonly string[];
}

const expiringClass = (rules: readonly LifecycleRule[], one: KeyClass, { prefix }: LintOptions) =>
  expiring(rules, (rule) => meets(rule.prefix, `${prefix}${one}/`));

/** The shortest expiry among the rules that match, and all that do. */
function expiring(
  rules: readonly LifecycleRule[],
  matches: (rule: LifecycleRule) => boolean,
): Expiry | null {
  const found = rules.filter((rule) => rule.expiresAfterDays !== null && matches(rule));
  if (found.length === 0) return null;
  return {
    days: Math.min(...found.map(({ expiresAfterDays }) => expiresAfterDays ?? 0)),
    ids: found.map(({ id }) => id),
  };
}

/** One holds the other: a rule may cover more than a folder, or a part of it, such as one server's. */
const meets = (one: string, other: string): boolean => one.startsWith(other) || other.startsWith(one);

const canMatchTags = (rule: LifecycleRule, ours: Readonly<Record<string, string>>): boolean =>
  Object.entries(rule.tags).every(([name, value]) => ours[name] === value);

const days = (count: number): string => `${count} ${count === 1 ? 'day' : 'days'}`;

const named = ({ ids }: Expiry): string =>
  ids.length === 1 ? `rule ${ids[0]} removes` : `rules ${ids.join(', ')} remove`;
