/**
 * Gives memory that is no longer used back to the system while a long run goes on: what glibc keeps for each thread,
 * and what the collector would else keep after a peak, such as that of planning a run over ten thousand accounts.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { returnFreed } from '../../filesystem/native-process.ts';

type Collect = (options: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void;

const trimEveryMs = 2000;
const collectEveryMs = 30_000;
/** On busy processors V8 lets garbage grow to several times what lives: 10,000 accounts took 470 MB instead of 320. */
const muchBytes = 300e6;
const collectMuchEveryMs = 8_000;

export class MemoryKeeper {
  readonly #collects: boolean;
  #trimmedAtMs = Number.NEGATIVE_INFINITY;
  #collectedAtMs = Number.NEGATIVE_INFINITY;

  /** @param collects where the collector is asked too, which takes a tenth of a second or so each time */
  constructor(collects: boolean) {
    this.#collects = collects;
  }

  /** Does something now and then only. */
  look(nowMs: number): void {
    if (Math.abs(nowMs - this.#trimmedAtMs) < trimEveryMs) return;
    this.#trimmedAtMs = nowMs;
    const everyMs = process.memoryUsage.rss() > muchBytes ? collectMuchEveryMs : collectEveryMs;
    if (this.#collects && Math.abs(nowMs - this.#collectedAtMs) >= everyMs) {
      this.#collectedAtMs = nowMs;
      collectAll();
    }
    returnFreed();
  }
}

/** As the collector does when memory runs out: without keeping any for later. */
function collectAll(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', flavor: 'last-resort' });
}
