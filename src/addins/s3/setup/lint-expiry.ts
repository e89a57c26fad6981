/** Rules that remove current objects: which classes they reach, and in what order things would go. Pure. */

import { type KeyClass, storeFiles } from '../../../core/index.ts';
import { days, type LifecycleRule, meets } from './lifecycle.ts';

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
  readonly kind:
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

export function lintExpiry(rules: readonly LifecycleRule[], options: LintOptions): LintFinding[] {
  const found: LintFinding[] = [];
  const files = expiring(rules, (rule) =>
    storeFiles.some((name) => `${options.prefix}${name}`.startsWith(rule.prefix)),
  );
  if (files !== null) {
    found.push({
      kind: 'expires-store-files',
      state: 'error',
      rules: files.ids,
      detail: `${named(files)} holdfast.json after ${days(files.days)}; without it the store is no longer recognised`,
      hint: 'Limit the rule to prefixes outside the store.',
    });
  }
  const keys = expiringClass(rules, 'keys', options);
  if (keys !== null) {
    found.push({
      kind: 'expires-keys',
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
      kind: 'expires-events',
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
    kind: `expires-${one}`,
    state: early ? 'error' : 'warning',
    rules: expiry.ids,
    detail: `${named(expiry)} ${what} after ${days(expiry.days)}; ${reason}`,
    hint: 'Remove the rule and let holdfast prune remove what no snapshot needs.',
  };
}

/** A snapshot is its manifest and its data; neither may go first. */
export function lintOrder(rules: readonly LifecycleRule[], options: LintOptions): LintFinding[] {
  const manifests = expiringClass(rules, 'manifests', options);
  const data = expiringClass(rules, 'data', options);
  if (manifests !== null && (data === null || manifests.days < data.days)) {
    const later = data === null ? 'stay' : `stay until ${days(data.days)}`;
    return [
      {
        kind: 'manifests-before-data',
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
        kind: 'data-before-manifests',
        state: 'error',
        rules: [...new Set([...data.ids, ...(manifests?.ids ?? [])])],
        detail: `data goes after ${days(data.days)} and manifests ${later}: snapshots are listed that cannot be restored`,
        hint: 'Remove the expiry of data; holdfast prune removes it when no snapshot refers to it.',
      },
    ];
  }
  return [];
}

interface Expiry {
  readonly days: number;
  readonly ids: readonly string[];
}

const expiringClass = (rules: readonly LifecycleRule[], one: KeyClass, { prefix }: LintOptions) =>
  expiring(rules, (rule) => meets(rule.prefix, `${prefix}${one}/`));

/** The shortest expiry among the rules that match, and all that do. */
function expiring(rules: readonly LifecycleRule[], matches: (rule: LifecycleRule) => boolean): Expiry | null {
  const found = rules.filter((rule) => rule.expiresAfterDays !== null && matches(rule));
  if (found.length === 0) return null;
  return {
    days: Math.min(...found.map(({ expiresAfterDays }) => expiresAfterDays ?? 0)),
    ids: found.map(({ id }) => id),
  };
}

const named = ({ ids }: Expiry): string =>
  ids.length === 1 ? `rule ${ids[0]} removes` : `rules ${ids.join(', ')} remove`;
