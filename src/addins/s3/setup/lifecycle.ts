/** Lifecycle rules as plain data: what of a bucket's rules matters to backups, whatever dialect it came in. */

import type { LifecycleRule as GivenRule } from '@aws-sdk/client-s3';

export interface LifecycleRule {
  /** Name for messages; services give every rule one. */
  readonly id: string;
  readonly enabled: boolean;
  /** Begins the keys it applies to; empty for all of the bucket. */
  readonly prefix: string;
  /** Applies only to objects with all of these tags. */
  readonly tags: Readonly<Record<string, string>>;
  /** Applies only to objects above or below some size. */
  readonly bySize: boolean;
  /** Removes current versions at this age; 0 for a rule by date. Null: does not remove. */
  readonly expiresAfterDays: number | null;
  /** Aborts unfinished uploads at this age. */
  readonly abortAfterDays: number | null;
  /** Classes that current versions move to. */
  readonly movesTo: readonly string[];
}

/** Older rules name their prefix outside the filter, some services put one tag beside it. */
export function readRule(given: GivenRule, index: number): LifecycleRule {
  const { Filter: filter = {}, Expiration: expiration } = given;
  const and = filter.And ?? {};
  const tags = [...(and.Tags ?? []), ...(filter.Tag === undefined ? [] : [filter.Tag])];
  const sizes = [
    filter.ObjectSizeGreaterThan,
    filter.ObjectSizeLessThan,
    and.ObjectSizeGreaterThan,
    and.ObjectSizeLessThan,
  ];
  return {
    id: given.ID ?? `number ${index + 1}`,
    enabled: given.Status === 'Enabled',
    prefix: and.Prefix ?? filter.Prefix ?? given.Prefix ?? '',
    tags: Object.fromEntries(tags.map(({ Key = '', Value = '' }) => [Key, Value])),
    bySize: sizes.some((size) => size !== undefined),
    expiresAfterDays: expiration?.Date === undefined ? (expiration?.Days ?? null) : 0,
    abortAfterDays: given.AbortIncompleteMultipartUpload?.DaysAfterInitiation ?? null,
    movesTo: (given.Transitions ?? []).map(({ StorageClass = 'unknown' }) => StorageClass),
  };
}

/** One holds the other: a rule may cover more than a folder, or a part of it, such as one server's. */
export const meets = (one: string, other: string): boolean => one.startsWith(other) || other.startsWith(one);

export const days = (count: number): string => `${count} ${count === 1 ? 'day' : 'days'}`;
