/**
 * Which numbers of an account are explained by its prune events, with each event read once by this server.
 *
 * A prune a night leaves an event a night. Events are created only, so one that was read says the same ever after; their keys
 * are listed each time, and where one of those that were read is not there any more, or another is among them, all are read anew.
 */

import { createHash } from 'node:crypto';
import { parseEventKey } from '../../archive/keys.ts';
import { type ExplainedPlace, readExplained, rememberExplained } from '../../state/explained-numbers.ts';
import { isUuid } from '../../state/server-identity.ts';
import { type MissingRef, type PrunedRefs, readPruned, readPruneEvents } from '../prune-events.ts';
import { numbersOf, rangesOf } from '../sequence-ranges.ts';
import type { Trust } from '../trust.ts';
import { walk } from '../walk.ts';
import type { PruneRequest } from './types.ts';

type KnownRequest = Pick<PruneRequest, 'store' | 'provider' | 'trust' | 'stateDir' | 'signal'>;

interface KnownPlace {
  readonly server: string;
  readonly owner: string;
  /** Null where the store does not tell; then nothing is remembered. */
  readonly storeId: string | null;
}

/** Somebody who plants many must not fill the state. */
const mostOpen = 100;

/**
 * Numbers alone, all of them as `missing`: the digests of what was removed are not remembered.
 *
 * @throws STORE_UNAVAILABLE, STORE_DENIED
 */
export async function explainedNumbers(
  request: KnownRequest,
  { server, owner, storeId }: KnownPlace,
): Promise<PrunedRefs> {
  const of = { ...request, server, owner };
  if (storeId === null || ![server, owner].every(isUuid)) return readPruned(of);
  const place: ExplainedPlace = { stateDir: request.stateDir, store: storeId, server, owner };
  const trust = digestOf(textOf(request.trust));
  const keys: string[] = [];
  for await (const { key } of walk(request.store, `events/${server}/${owner}/`, request.signal))
    if (parseEventKey(key)?.kind === 'prune') keys.push(key);
  const remembered = await readExplained(place);
  const open = new Set(remembered?.open);
  const isKnown = (key: string): boolean => key <= (remembered?.through ?? '') && !open.has(key);
  const known = keys.filter(isKnown);
  const fits = remembered !== null && remembered.trust === trust && remembered.keys === digestOf(known);
  const unread = fits ? keys.filter((key) => !isKnown(key)) : keys;
  const read = await readPruneEvents(of, unread);
  const ranges = merged(fits ? remembered.ranges : {}, [...read.removed, ...read.missing]);
  const failed = [...read.unreadable, ...read.distrusted];
  if (unread.length > failed.length && failed.length <= mostOpen) {
    const good = keys.filter((key) => !failed.includes(key));
    const numbers = { trust, through: keys.at(-1)!, keys: digestOf(good), open: failed.sort(), ranges };
    await rememberExplained(place, numbers);
  }
  const missing = Object.entries(ranges).flatMap(([lineage, ofLineage]) =>
    numbersOf(ofLineage).map((sequence): MissingRef => ({ lineage, sequence })),
  );
  return { ...read, removed: [], missing };
}

type Ranges = NonNullable<Awaited<ReturnType<typeof readExplained>>>['ranges'];

function merged(ranges: Ranges, refs: readonly MissingRef[]): Ranges {
  const numbers = new Map(Object.entries(ranges).map(([lineage, one]) => [lineage, numbersOf(one)]));
  for (const { lineage, sequence } of refs) numbers.set(lineage, [...(numbers.get(lineage) ?? []), sequence]);
  return Object.fromEntries([...numbers].map(([lineage, all]) => [lineage, rangesOf(all)]));
}

const textOf = (trust: Trust | undefined): string[] =>
  trust === undefined
    ? ['anybody']
    : [
        ...[...trust.keys].sort(),
        ...[...(trust.bound ?? [])].map(([key, servers]) => `${key} ${[...servers].sort().join(' ')}`).sort(),
      ];

const digestOf = (texts: readonly string[]): string =>
  createHash('sha256').update(texts.join('\n')).digest('hex');
