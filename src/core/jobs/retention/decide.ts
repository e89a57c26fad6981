/**
 * The retention policy: which snapshots of one account and one addin configuration stay, and why.
 *
 * Pure. A legal hold outranks an erasure, that a pin, that the rules. Whatever the rules say, the newest
 * good snapshot stays, the last good one of components (see `lastGoodOf`), the newest full and differential where others
 * build on fulls, and what is newer than the newest good one. Held and pinned snapshots take no place in the rules. One that was
 * good until it lost something has its place still, or one lost file would end the history; it takes none from a good one.
 */

import type { Retention } from '../../config/addin-schema.ts';
import { chronological } from './chronology.ts';
import { lastGoodOf } from './last-good.ts';
import { keepsAnything, reasonsToKeep } from './rules.ts';
import type { Decision, Protection, RetainedSnapshot } from './types.ts';

/** Clocks of two machines may differ by this much without a snapshot counting as one of the future. */
export const clockToleranceMs = 5 * 60_000;

export interface RetentionRequest<S extends RetainedSnapshot> {
  /** Of one account under one addin configuration, in any order. */
  readonly snapshots: readonly S[];
  /** Null: nothing is ever removed by the rules. */
  readonly rules: Retention | null;
  readonly protectionOf: (snapshot: S) => Protection;
  /** False: later snapshots do not refer to the newest full. Left out: true. */
  readonly needsFull?: boolean;
  readonly nowMs: number;
}

/** One decision for each snapshot, oldest first. */
export function decideRetention<S extends RetainedSnapshot>(request: RetentionRequest<S>): Decision<S>[] {
  const ordered = chronological(request.snapshots, request.nowMs);
  const protections = new Map(ordered.map((snapshot) => [snapshot, request.protectionOf(snapshot)]));
  const standing = ordered.filter((snapshot) => !isErased(protections.get(snapshot)!));
  const lastGood = lastGoodOf([...standing].reverse());
  const always = indispensable(standing, lastGood.kept, request);
  const { rules } = request;
  const ruled =
    rules === null || !keepsAnything(rules) ? null : byRules({ ...request, rules }, ordered, protections);
  return ordered.map((snapshot) => {
    const { holds, erasure, pins } = protections.get(snapshot)!;
    if (holds.length === 0 && erasure !== null)
      return { snapshot, keep: false, reasons: [erasure], erased: true };
    const byPolicy = ruled === null ? ['no retention is configured'] : (ruled.get(snapshot) ?? []);
    const reasons = [...holds, ...pins, ...(always.get(snapshot) ?? []), ...byPolicy];
    if (reasons.length > 0) return { snapshot, keep: true, reasons };
    return { snapshot, keep: false, reasons: whyGone(snapshot, lastGood.left.get(snapshot)) };
  });
}

const isErased = ({ holds, erasure }: Protection): boolean => holds.length === 0 && erasure !== null;

const isGood = ({ state }: RetainedSnapshot): boolean => state === 'complete';
const wasGood = (snapshot: RetainedSnapshot): boolean => isGood(snapshot) || snapshot.wasComplete === true;

function whyGone(snapshot: RetainedSnapshot, isLastGood: string | undefined): string[] {
  const unruled = wasGood(snapshot) ? 'no rule keeps it' : 'partial, so no rule keeps it';
  if (isLastGood !== undefined) return [unruled, isLastGood];
  return [wasGood(snapshot) ? unruled : 'partial, and newer snapshots have all its good components'];
}

function byRules<S extends RetainedSnapshot>(
  { rules, nowMs }: { readonly rules: Retention; readonly nowMs: number },
  ordered: readonly S[],
  protections: ReadonlyMap<S, Protection>,
): ReadonlyMap<S, readonly string[]> {
  const counted = ordered.filter((snapshot) => {
    const { holds, erasure, pins } = protections.get(snapshot)!;
    const free = holds.length === 0 && erasure === null && pins.length === 0;
    return free && wasGood(snapshot) && !isOfTheFuture(snapshot, nowMs);
  });
  const newestFirst = counted.reverse();
  const reasons = new Map(reasonsToKeep(newestFirst.filter(isGood), rules, nowMs));
  for (const [snapshot, why] of reasonsToKeep(newestFirst, rules, nowMs)) {
    if (isGood(snapshot)) continue;
    const told = why.map((reason) => `${reason}, counted as before it lost something`);
    reasons.set(snapshot, told);
  }
  return reasons;
}

const isOfTheFuture = ({ atMs }: RetainedSnapshot, nowMs: number): boolean => atMs > nowMs + clockToleranceMs;

/** What stays whatever the rules say. */
function indispensable<S extends RetainedSnapshot>(
  ordered: readonly S[],
  lastGood: ReadonlyMap<S, string>,
  { nowMs, needsFull = true }: Pick<RetentionRequest<S>, 'nowMs' | 'needsFull'>,
): Map<S, string[]> {
  const reasons = new Map<S, string[]>();
  const keep = (snapshot: S, why: string): void => {
    reasons.set(snapshot, [...(reasons.get(snapshot) ?? []), why]);
  };
  const newestFirst = [...ordered].reverse();
  const good = newestFirst.findIndex(isGood);
  const newest = newestFirst[good];
  if (newest !== undefined) keep(newest, 'the newest good one');
  for (const partial of newestFirst.slice(0, good < 0 ? undefined : good)) {
    keep(partial, newest === undefined ? 'there is no good one yet' : 'newer than the newest good one');
  }
  const fulls = newestFirst.filter(({ level }) => level === 'full');
  const buildsOn = newestFirst.some(({ level }) => level !== 'full');
  // One that lacks a component is referred to as well, and it is the newest that the next full is due after.
  for (const full of new Set([fulls[0], fulls.find(isGood)])) {
    if (needsFull && full !== undefined && full !== newest && buildsOn)
      keep(full, 'the newest full, which differentials refer to');
  }
  const differential = newestFirst.find(({ level }) => level !== 'incremental');
  if (needsFull && differential?.level === 'differential' && differential !== newest)
    keep(differential, 'the newest differential, after which the next one is due');
  for (const [snapshot, why] of lastGood) if (snapshot !== newest) keep(snapshot, why);
  for (const snapshot of ordered) {
    if (isOfTheFuture(snapshot, nowMs)) keep(snapshot, 'dated in the future: a clock was wrong');
  }
  return reasons;
}
