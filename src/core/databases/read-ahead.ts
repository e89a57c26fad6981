/**
 * Keeps a dump alive while its reader stalls.
 *
 * A server gives up on a client that takes nothing for a while (MariaDB: net_write_timeout, 60 s by
 * default), and the client takes nothing while nobody reads from it. So during a stall a little is read
 * ahead at intervals, within a budget of memory that all dumps of an engine share; beyond it, the
 * server decides.
 */

/** Bytes per interval: more than what lies in the sockets' buffers on the way. */
const sipBytes = 1024 * 1024;

/** Memory for what is read ahead, in bytes; shared by dumps. */
export interface ReadAheadBudget {
  left: number;
}

export interface ReadAheadOptions {
  readonly everyMs: number;
  readonly budget: ReadAheadBudget;
}

export class ReadAhead {
  readonly #source: AsyncIterator<Buffer>;
  readonly #options: ReadAheadOptions | null;
  readonly #queue: Buffer[] = [];
  #pull: Promise<number> = Promise.resolve(0);
  #sipping = false;
  #failure: unknown;
  #ended = false;
  /** Bytes of the queue that the budget has lent. */
  #lent = 0;
  #timer: NodeJS.Timeout | undefined;

  /** With null nothing is read before it is asked for. */
  constructor(source: AsyncIterator<Buffer>, options: ReadAheadOptions | null) {
    this.#source = source;
    this.#options = options;
  }

  /** Reads until `enough` says so of all bytes so far, or the source ends. Never rejects; takes nothing away. */
  async fill(enough: (head: Buffer) => boolean): Promise<void> {
    do await this.#pullOne();
    while (!this.#ended && !enough(Buffer.concat(this.#queue)));
    this.#wind();
  }

  /** Null at the end; rejects as the source does. One call at a time. */
  async next(): Promise<Buffer | null> {
    this.#unwind();
    await this.#pull;
    if (this.#queue.length === 0 && !this.#ended) await this.#pullOne();
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      this.#giveBack(chunk.length);
      this.#wind();
      return chunk;
    }
    if (this.#failure !== undefined) throw this.#failure;
    return null;
  }

  /** Ends reading ahead and returns what was lent. What lies ready is dropped. */
  stop(): void {
    this.#unwind();
    this.#ended = true;
    this.#queue.length = 0;
    this.#giveBack(this.#lent);
  }

  /** One after the other: a reader that returns in the middle of a sip waits for that chunk only. */
  #pullOne(lend = false): Promise<number> {
    const pull = async (): Promise<number> => {
      if (this.#ended) return 0;
      try {
        const step = await this.#source.next();
        if (step.done === true) this.#ended = true;
        if (step.done === true || this.#ended) return 0;
        if (lend) this.#lend(step.value.length);
        this.#queue.push(step.value);
        return step.value.length;
      } catch (error) {
        this.#failure = error;
        this.#ended = true;
        return 0;
      }
    };
    const pulled = this.#pull.then(pull);
    this.#pull = pulled;
    return pulled;
  }

  #wind(): void {
    if (this.#options === null || this.#ended) return;
    this.#timer = setInterval(() => void this.#sip(), this.#options.everyMs).unref();
  }

  #unwind(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #sip(): Promise<void> {
    if (this.#sipping) return;
    this.#sipping = true;
    const left = () => this.#options?.budget.left ?? 0;
    // Without a timer the reader has come back.
    for (let taken = 0; taken < sipBytes && left() > 0 && this.#timer !== undefined; ) {
      const bytes = await this.#pullOne(true);
      if (bytes === 0) break;
      taken += bytes;
    }
    this.#sipping = false;
  }

  #lend(bytes: number): void {
    if (this.#options === null) return;
    this.#lent += bytes;
    this.#options.budget.left -= bytes;
  }

  #giveBack(bytes: number): void {
    if (this.#options === null) return;
    const returned = Math.min(bytes, this.#lent);
    this.#lent -= returned;
    this.#options.budget.left += returned;
  }
}
