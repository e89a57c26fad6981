/** Contenders that back up the same states of a tree, one after another, each into its own chain. */

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { measure, run, type Sample } from '../measure.ts';
import type { Contender, ContenderName } from './contenders.ts';

/** All that was measured under one name, in the order of the rounds. */
export interface Series {
  readonly name: string;
  readonly samples: Readonly<Partial<Record<ContenderName, readonly Sample[]>>>;
}

/** What changed less than 45 seconds ago is read again by us in the next run; no night is as short as that. */
const settleSeconds = '46';
const pauseSeconds = '3';

export class Match {
  readonly #contenders: readonly Contender[];
  readonly #root: string;
  readonly #dir: string;
  readonly #series = new Map<string, Partial<Record<ContenderName, Sample[]>>>();

  /** `dir` is made; what was there goes. */
  constructor(contenders: readonly Contender[], root: string, dir: string) {
    this.#contenders = contenders;
    this.#root = root;
    this.#dir = dir;
    rmSync(dir, { recursive: true, force: true });
    for (const contender of contenders) {
      mkdirSync(this.placeOf(contender), { recursive: true });
      contender.prepare(this.placeOf(contender));
    }
  }

  placeOf({ name }: Pick<Contender, 'name'>): string {
    return join(this.#dir, name);
  }

  /** Every contender backs up the tree as it is now; who begins changes from round to round. */
  round(series: string, number: number): void {
    const turn = number % this.#contenders.length;
    const order = [...this.#contenders.slice(turn), ...this.#contenders.slice(0, turn)];
    run(['sleep', series === 'nothing changed' ? pauseSeconds : settleSeconds]);
    for (const contender of order) {
      const place = this.placeOf(contender);
      this.#warmUp(place);
      this.#note(series, contender.name, measure(contender.backup(place), { sync: true }));
    }
    const last = this.#contenders.map(({ name }) => `${name} ${this.#last(series, name).toFixed(3)} s`);
    console.log(`${series}, round ${number + 1}: ${last.join(', ')}`);
  }

  /** Of ours alone, for what peers do not have. */
  note(series: string, sample: Sample): void {
    this.#note(series, 'holdfast', sample);
    console.log(`${series}: ${sample.wallSeconds.toFixed(3)} s`);
  }

  get series(): Series[] {
    return [...this.#series].map(([name, samples]) => ({ name, samples }));
  }

  close(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** The tree's contents, then what the contender looks things up in, then all names: some hosts take back what was not used for seconds. */
  #warmUp(place: string): void {
    run(['sh', '-c', 'find "$1" -type f -exec cat {} + >/dev/null', 'sh', this.#root]);
    run(['sh', '-c', 'find "$1" -size -1024k -type f -exec cat {} + >/dev/null', 'sh', place]);
    run(['sync']);
    run(['sh', '-c', 'find "$1" -printf %s >/dev/null', 'sh', this.#root]);
  }

  #note(series: string, name: ContenderName, sample: Sample): void {
    const samples = this.#series.get(series) ?? {};
    this.#series.set(series, samples);
    samples[name] = [...(samples[name] ?? []), sample];
  }

  #last(series: string, name: ContenderName): number {
    return this.#series.get(series)?.[name]?.at(-1)?.wallSeconds ?? Number.NaN;
  }
}
