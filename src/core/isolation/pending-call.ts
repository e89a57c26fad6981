/**
 * One call that the process of an addin has not answered yet, and whose turn it is.
 *
 * A call makes no progress only while the addin owes something: an upload whose body is slow, or a download
 * that nobody reads, is not the addin's fault.
 */

import { ByteQueue } from '../byte-queue.ts';
import type { Patience } from './addin-process.ts';
import { Credit, Debt } from './credit.ts';
import { ProtocolError } from './frames.ts';

/** Which patience counts. */
export type Limit = 'stall' | 'silence' | 'close';

export class PendingCall {
  /** What it is, for errors: `put of KEY`. */
  readonly what: string;
  readonly answer = Promise.withResolvers<unknown>();
  /** Of a call with a body. */
  readonly credit: Credit | null;
  /** Of a call that is answered by bytes. */
  readonly inbox: ByteQueue | null;
  readonly #debt: Debt;
  /** The body is on its way, so that nothing is owed once the addin has taken all there was. */
  sending: boolean;
  /** Ticks since the last sign of progress, and since it was told to stop; null: it was not. */
  idle = 0;
  stopping: number | null = null;
  readonly #limit: Limit;

  constructor(
    { what, limit = 'stall' }: { readonly what: string; readonly limit?: Limit },
    form: 'plain' | 'upload' | 'download',
    giveCredit: (bytes: number) => void,
  ) {
    this.what = what;
    this.#limit = limit;
    this.sending = form === 'upload';
    this.credit = form === 'upload' ? new Credit() : null;
    this.#debt = new Debt(giveCredit);
    this.inbox = form === 'download' ? new ByteQueue(({ length }) => this.#debt.took(length)) : null;
    this.answer.promise.catch(() => {});
  }

  /** @throws ProtocolError nobody asked for bytes, or not for so many */
  data(piece: Buffer): void {
    if (this.inbox === null) throw new ProtocolError('it sent bytes that nobody asked for');
    this.#debt.came(piece.length);
    this.idle = 0;
    this.inbox.push(piece);
  }

  /** @throws ProtocolError there is no body, or not so much of it was sent */
  taken(bytes: number): void {
    if (this.credit === null) throw new ProtocolError('it took bytes that nobody sent');
    this.idle = 0;
    this.credit.add(bytes);
  }

  end(value: unknown): void {
    this.credit?.cancel();
    this.inbox?.end();
    this.answer.resolve(value);
  }

  fail(error: Error): void {
    this.credit?.cancel();
    this.inbox?.fail(error);
    this.answer.reject(error);
  }

  /** Ticks without progress after which it has failed. */
  most(patience: Patience): number {
    return patience[this.#limit];
  }

  tick(): void {
    if (this.stopping !== null) this.stopping += 1;
    const ours = this.inbox === null ? this.sending && this.credit?.full : this.#debt.exhausted;
    this.idle = ours === true ? 0 : this.idle + 1;
  }
}
