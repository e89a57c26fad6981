/**
 * Watches what the trees of one account take, and calls once when that is more than the budget allows.
 *
 * Bytes are counted as segments are finished, so up to one segment of each thread may come on top. Minutes
 * are those of reading the trees; exports have limits of their own.
 */

import type { AccountBudget } from '../../config/operations-schema.ts';
import { HoldfastError } from '../../errors.ts';

export class TreeBudget {
  readonly #budget: AccountBudget;
  readonly #onExceeded: () => void;
  readonly #timer: NodeJS.Timeout | null;
  #bytes = 0;
  #inodes = 0;
  /** Why the trees are given up, or null. */
  exceeded: HoldfastError | null = null;

  constructor(budget: AccountBudget | null | undefined, onExceeded: () => void) {
    this.#budget = budget ?? {};
    this.#onExceeded = onExceeded;
    const { minutes } = this.#budget;
    const late = (): void => this.#exceed(`its files took longer than ${minutes} minutes`);
    // Beyond that, setTimeout would fire at once.
    const longest = 2 ** 31 - 1;
    this.#timer = minutes === undefined ? null : setTimeout(late, Math.min(longest, minutes * 60_000));
  }

  addBytes(count: number): void {
    this.#bytes += count;
    const { bytes } = this.#budget;
    if (bytes !== undefined && this.#bytes > bytes) this.#exceed(`more than ${bytes} bytes were to be read`);
  }

  addInodes(count: number): void {
    this.#inodes += count;
    const { inodes } = this.#budget;
    if (inodes !== undefined && this.#inodes > inodes) this.#exceed(`it has more than ${inodes} inodes`);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #exceed(why: string): void {
    if (this.exceeded !== null) return;
    this.exceeded = new HoldfastError('BUDGET_EXCEEDED', `the account is over its budget: ${why}`, {
      hint: 'Raise "budget" in the addin configuration, or exclude what grew.',
    });
    this.#onExceeded();
  }
}
