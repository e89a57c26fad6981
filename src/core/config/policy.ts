/**
 * Which rules apply to an account, and why: those for the account itself before those for its plan, and both
 * before what is set for all. Pure.
 *
 * Aliases do not count: account owners add them by themselves, and must not choose their policy by it.
 */

import type { Account } from '../contracts/panel.ts';
import { globToRegExp, isGlob } from '../glob.ts';
import { quoted } from '../printable.ts';
import type { ConfigProblem } from '../settings/problems.ts';
import type { Retention } from './addin-schema.ts';
import type { PolicyRule } from './policy-schema.ts';
import type { Steering } from './steering.ts';

type Subject = Pick<Account, 'site' | 'domain' | 'plan'>;
/** What is known of an account that is gone, or that nobody can describe; undefined: nobody knows. */
export type Remembered = { readonly [K in keyof Subject]: Subject[K] | undefined };
type Setting = 'retention' | 'fullEveryDays' | 'destination' | 'exclude';

export interface Applied<T> {
  readonly value: T;
  /** JSON pointer of the rule, with whom it is for; null where no rule says anything. */
  readonly why: string | null;
}

export interface AccountPolicy {
  /** Null: that of the addin configuration. */
  readonly retention: Applied<NonNullable<PolicyRule['retention']> | null>;
  readonly fullEveryDays: Applied<number | null>;
  /** Null: every addin configuration that selects the account. */
  readonly destination: Applied<string | null>;
  readonly exclude: Applied<readonly string[]>;
}

export interface Ruled {
  readonly policy: readonly PolicyRule[];
  readonly steering: Steering;
}

const unruled = { value: null, why: null } as const;

export function policyOf(account: Subject, { policy, steering }: Ruled): AccountPolicy {
  const general = steering.exclude.length === 0 ? null : 'scope backups.exclude';
  const standing = { value: steering.exclude, why: general };
  if (policy.length === 0)
    return { retention: unruled, fullEveryDays: unruled, destination: unruled, exclude: standing };
  const fitting = policy
    .map((rule, index) => ({ rule, index }))
    .filter(({ rule }) => fitOf(rule, account) === 'yes')
    .sort((a, b) => rankOf(b.rule) - rankOf(a.rule) || b.index - a.index);
  const of = <K extends Setting>(key: K): Applied<NonNullable<PolicyRule[K]> | null> => {
    const found = fitting.find(({ rule }) => rule[key] !== undefined);
    if (found === undefined) return { value: null, why: null };
    return { value: found.rule[key] as NonNullable<PolicyRule[K]>, why: nameOf(found.rule, found.index) };
  };
  const exclude = of('exclude');
  return {
    retention: of('retention'),
    fullEveryDays: of('fullEveryDays'),
    destination: of('destination'),
    exclude: exclude.value === null ? standing : { value: exclude.value, why: exclude.why },
  };
}

/** The retention that rules set, null where they set none; `unknown` where one may be for the account and may not. */
export function retentionFor(
  account: Remembered,
  policy: readonly PolicyRule[],
): Retention | null | 'unknown' {
  const fitting = policy
    .map((rule, index) => ({ rule, index, fits: fitOf(rule, account) }))
    .filter(({ rule, fits }) => rule.retention !== undefined && fits !== 'no')
    .sort((a, b) => rankOf(b.rule) - rankOf(a.rule) || b.index - a.index);
  const first = fitting[0];
  return first?.fits === 'perhaps' ? 'unknown' : (first?.rule.retention ?? null);
}

const nameOf = ({ account, plan }: PolicyRule, index: number): string => {
  const whom = account === undefined ? `plan ${quoted(plan ?? '')}` : `account ${quoted(account)}`;
  return `/policy/${index}, ${whom}`;
};

interface Matchers {
  readonly account: RegExp | null;
  readonly plan: RegExp | null;
}

/** Thousands of accounts are asked about with the same rules. */
const matchers = new WeakMap<PolicyRule, Matchers>();

function matchersOf(rule: PolicyRule): Matchers {
  const known = matchers.get(rule);
  if (known !== undefined) return known;
  const of = (pattern: string | undefined): RegExp | null =>
    pattern === undefined ? null : globToRegExp(pattern.toLowerCase());
  const made = { account: of(rule.account), plan: of(rule.plan) };
  matchers.set(rule, made);
  return made;
}

type Fit = 'yes' | 'no' | 'perhaps';

/** A rule with both is for an account on that plan. */
function fitOf(rule: PolicyRule, { site, domain, plan }: Remembered): Fit {
  const compiled = matchersOf(rule);
  const among = (pattern: RegExp | null, texts: readonly (string | null | undefined)[]): Fit => {
    if (pattern === null || texts.some((text) => text != null && pattern.test(text.toLowerCase())))
      return 'yes';
    return texts.includes(undefined) ? 'perhaps' : 'no';
  };
  const both = [among(compiled.account, [site, domain]), among(compiled.plan, [plan])];
  return both.includes('no') ? 'no' : both.includes('perhaps') ? 'perhaps' : 'yes';
}

/** The more specific a rule, the more. */
function rankOf({ account, plan }: PolicyRule): number {
  const byAccount = account === undefined ? 0 : isGlob(account) ? 3 : 6;
  return byAccount + (plan === undefined ? 0 : isGlob(plan) ? 1 : 2);
}

/** Whether an addin configuration runs for nobody by itself: the scope backups.destination names another, and no policy this one. */
export function rests(addin: string, { policy, steering: { destination } }: Ruled): boolean {
  if (destination === null || destination === addin) return false;
  return policy.every((rule) => rule.destination !== addin);
}

/** The account with what is left out of it by scope and policy. */
export function withExclusions(account: Account, ruled: Ruled): Account {
  const { value } = policyOf(account, ruled).exclude;
  if (value.length === 0) return account;
  const trees = account.trees.map((tree) => {
    const own = value.flatMap((pattern) => {
      const slash = pattern.indexOf('/');
      const name = pattern.slice(0, slash);
      return name === '*' || name === tree.name ? [pattern.slice(slash + 1)] : [];
    });
    return { ...tree, exclude: [...new Set([...tree.exclude, ...own])] };
  });
  return { ...account, trees };
}

/** Patterns of scope and policy that leave nothing out of anything: no account has a tree of that name. */
export function idleExclusions(
  accounts: readonly Pick<Account, 'trees'>[],
  { policy, steering }: Ruled,
): readonly string[] {
  const patterns = new Set([...steering.exclude, ...policy.flatMap(({ exclude = [] }) => exclude)]);
  if (patterns.size === 0) return [];
  const trees = new Set(['*', ...accounts.flatMap((account) => account.trees.map(({ name }) => name))]);
  return [...patterns].filter((pattern) => !trees.has(pattern.slice(0, pattern.indexOf('/'))));
}

export function policyProblems(
  file: string,
  policy: readonly PolicyRule[],
  addins: readonly { readonly name: string }[],
): ConfigProblem[] {
  return policy.flatMap(({ plan, account, destination }, index) => {
    const problems: ConfigProblem[] = [];
    const pointer = `/policy/${index}`;
    if (plan === undefined && account === undefined) {
      const message = 'is for nobody: neither "plan" nor "account" is there';
      problems.push({ file, pointer, message, hint: 'Say which plan or which account it is for.' });
    }
    if (destination !== undefined && !addins.some(({ name }) => name === destination)) {
      const message = `there is no addin configuration ${quoted(destination)}`;
      const hint = 'Name one of addins.d.';
      problems.push({ file, pointer: `${pointer}/destination`, message, hint });
    }
    return problems;
  });
}
