/**
 * The newest snapshots of each account, so many that are good: whoever plants one, or damages it, would otherwise hide the
 * last good one behind it. What is newer and no good comes as well, since that is to be told.
 */

import type { AnySnapshot, ListedSnapshot } from '../core/jobs/catalog.ts';
import { type ReadResult, readEach } from './read-each.ts';

/**
 * In the order of the list. Of an account without a trusted one those count that can be read, and without such any.
 *
 * @param listed of each account the newest last
 * @param most at least 1
 */
export async function readLatest(
  reading: Parameters<typeof readEach>[0],
  listed: readonly ListedSnapshot[],
  most: number,
  isTrusted: (snapshot: AnySnapshot) => boolean,
): Promise<ReadResult[]> {
  const isGood = ({ snapshot }: ReadResult): boolean => snapshot !== null && isTrusted(snapshot);
  const lanes = [...Map.groupBy(listed.toReversed(), ({ server, owner }) => `${server}/${owner}`).values()];
  const read = new Map<ListedSnapshot, ReadResult>();
  const ofLane = (lane: readonly ListedSnapshot[]): ReadResult[] =>
    lane.flatMap((one) => read.get(one) ?? []);
  let open = lanes;
  for (let size = most; open.length > 0; size *= 2) {
    const next = open.flatMap((lane) => lane.slice(0, size).filter((one) => !read.has(one)));
    for (const result of await readEach(reading, next)) read.set(result.listed, result);
    open = open.filter((lane) => size < lane.length && ofLane(lane).filter(isGood).length < most);
  }
  const shown = new Set(lanes.flatMap((lane) => upTo(most, ofLane(lane), isGood)));
  return listed.flatMap((one) => {
    const result = read.get(one);
    return result !== undefined && shown.has(result) ? result : [];
  });
}

/** @param results newest first */
function upTo(
  most: number,
  results: readonly ReadResult[],
  isGood: (result: ReadResult) => boolean,
): readonly ReadResult[] {
  for (const counts of [isGood, ({ snapshot }: ReadResult): boolean => snapshot !== null]) {
    const counted = results.filter(counts);
    if (counted.length >= most) return results.slice(0, results.indexOf(counted[most - 1]!) + 1);
    if (counted.length > 0) return results;
  }
  return results.slice(0, most);
}
