/**
 * Whether the store itself refuses to create an object twice: one after the other, at the same instant,
 * and for objects so large that many stores write them in parts, under other rules.
 */

import type { Store } from '../../contracts/store.ts';
import { isHoldfastError } from '../../errors.ts';
import { bytesOf } from '../../streams.ts';
import { type Finder, put, type StoreAbility } from './store-ability.ts';

/** Some stores learn only in the course of several puts whether their service refuses. */
const putsToLearn = 9;
const racers = 8;
/** More than twice the usual size of a part. */
const largeBytes = 17 * 1024 * 1024;
const barrierPatienceMs = 20_000;

export async function findCreateOnly(finder: Finder): Promise<readonly StoreAbility[]> {
  const { store, context } = finder;
  const key = `${context.prefix}ability/once`;
  for (let turn = 0; turn < putsToLearn; turn += 1) {
    await put(store, context, `${key}-${turn}`, context.randomBytes(10), { createOnly: true });
  }
  const small = await winnersAmong(racers, (index) =>
    put(store, context, `${key}-race`, Buffer.alloc(100, index), { createOnly: true }),
  );
  const declared = store.capabilities.conditionalCreate;
  return [judgeSmall(small, declared), await findLarge(finder)];
}

function judgeSmall(winners: number, declared: boolean): StoreAbility {
  const name = 'create-only';
  if (declared && winners !== 1) {
    const detail = `claimed, yet ${winners} of ${racers} writers at the same instant created the object`;
    return { name, state: 'no', declared, verdict: 'failed', detail };
  }
  if (declared) {
    const detail = `the store refuses to create an object twice, also at the same instant`;
    return { name, state: 'yes', declared, verdict: 'ok', detail };
  }
  if (winners === 1) {
    const detail =
      'not claimed by the store; yet of writers at the same instant one won this time, so that it may be enforced';
    return { name, state: 'partly', declared, verdict: 'note', detail };
  }
  const detail = `the store looks first; ${winners} of ${racers} writers at the same instant created the object`;
  return { name, state: 'partly', declared, verdict: 'ok', detail };
}

async function findLarge({ store, context, canRemove }: Finder): Promise<StoreAbility> {
  const name = 'create-only, large objects';
  const declared = null;
  if (!canRemove) {
    const detail = 'not tried, because the trial objects could not be removed';
    return { name, state: 'unknown', declared, verdict: 'note', detail };
  }
  const key = `${context.prefix}ability/large`;
  const bytes = context.randomBytes(largeBytes);
  const winners = await raceLarge(store, key, bytes, context.signal);
  if (winners === 1) {
    const detail =
      'of two writers that end at the same instant one won; a trial can miss a gap of milliseconds';
    return { name, state: 'yes', declared, verdict: 'ok', detail };
  }
  const detail = `written in parts, ${winners} of two writers at the same instant created the object; names of data are random, so that nothing depends on it`;
  return { name, state: 'no', declared, verdict: 'note', detail };
}

/** Both have sent all their bytes, and have looked whether the object is there, before either ends. */
async function raceLarge(store: Store, key: string, bytes: Uint8Array, signal: AbortSignal): Promise<number> {
  const both = Promise.withResolvers<void>();
  let arrived = 0;
  async function* body() {
    yield* bytesOf(bytes);
    arrived += 1;
    if (arrived === 2) both.resolve();
    await both.promise;
  }
  // A store that takes one put after the other must not wait for ever.
  const timer = setTimeout(both.resolve, barrierPatienceMs);
  try {
    return await winnersAmong(2, () => store.put({ key, body: body(), createOnly: true, signal }));
  } finally {
    clearTimeout(timer);
  }
}

/** How many succeed; whatever is not a refusal is thrown. */
async function winnersAmong(count: number, work: (index: number) => Promise<unknown>): Promise<number> {
  const outcomes = await Promise.allSettled(Array.from({ length: count }, (_, index) => work(index)));
  const winners = outcomes.filter(({ status }) => status === 'fulfilled').length;
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue;
    if (isHoldfastError(outcome.reason) && outcome.reason.code === 'OBJECT_EXISTS') continue;
    throw outcome.reason;
  }
  return winners;
}
