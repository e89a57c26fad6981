/**
 * What V8 is told of the work to come. It is of the whole process, and makes compiled code useless to threads that
 * are still loading: so the main thread says it, once all have loaded.
 */

import { setFlagsFromString } from 'node:v8';
import type { ExpectedWork } from './expected-work.ts';

const works: readonly ExpectedWork[] = ['everything', 'much', 'little'];

let told: ExpectedWork = 'everything';

/** Of works that go on at the same time, the one that takes longest. */
export function longest(all: readonly ExpectedWork[]): ExpectedWork {
  return works.find((work) => all.includes(work)) ?? 'little';
}

/**
 * Where a parent is compared with, most is over before optimized code has paid for itself, for each thread has its own: less is
 * optimized, and later. And where there is little to do a heap may become three times what was found alive in it, with all
 * that it holds outside, before it is looked through again.
 */
export function tuneFor(work: ExpectedWork): void {
  if (work === told) return;
  told = work;
  setFlagsFromString(work === 'everything' ? '--no-efficiency-mode' : '--efficiency-mode');
  setFlagsFromString(`--heap-growing-percent=${work === 'little' ? 200 : 0}`);
}
