/**
 * How many bytes the sender of a stream may still send: the receiver gives credit as it takes what came.
 *
 * Without it one slow upload would fill the memory of the other side, or hold up all others behind it.
 */

import { ProtocolError, windowBytes } from './frames.ts';

/** The sender's side. */
export class Credit {
  #left = windowBytes;
  #wake: (() => void) | null = null;
  #cancelled = false;

  /** True while everything that was sent has been taken. */
  get full(): boolean {
    return this.#left === windowBytes;
  }

  /** @throws ProtocolError more is given back than was ever sent */
  add(bytes: number): void {
    this.#left += bytes;
    if (this.#left > windowBytes) throw new ProtocolError('it took more bytes than it was sent');
    this.#stir();
  }

  /** Nobody wants more. */
  cancel(): void {
    this.#cancelled = true;
    this.#stir();
  }

  /** Waits for some; takes at most so many and tells how many. 0: nobody wants more. */
  async take(most: number): Promise<number> {
    while (this.#left === 0 && !this.#cancelled) await new Promise<void>((wake) => (this.#wake = wake));
    if (this.#cancelled) return 0;
    const taken = Math.min(this.#left, most);
    this.#left -= taken;
    return taken;
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

/** The receiver's side: gathers what was taken and gives it back in few messages. */
export class Debt {
  readonly #give: (bytes: number) => void;
  #underWay = 0;
  #taken = 0;
  #complete = false;

  constructor(give: (bytes: number) => void) {
    this.#give = give;
  }

  /** Whether the sender can go no further before we take something. */
  get exhausted(): boolean {
    return this.#underWay >= windowBytes - windowBytes / 4;
  }

  /** @throws ProtocolError more came than was allowed */
  came(bytes: number): void {
    this.#underWay += bytes;
    if (this.#underWay > windowBytes) throw new ProtocolError('it sent more bytes than it may');
  }

  /** Nothing more will come: of the little that is left the sender needs no word. */
  complete(): void {
    this.#complete = true;
  }

  took(bytes: number): void {
    this.#taken += bytes;
    // All of it at once where nothing is left: the sender then knows that it is its turn.
    if (this.#taken < windowBytes / 8 && (this.#complete || this.#taken < this.#underWay)) return;
    this.#underWay -= this.#taken;
    this.#give(this.#taken);
    this.#taken = 0;
  }
}
