/**
 * The other end: answers calls inside the process of an addin.
 *
 * Knows no addin: what a method does is told by its handler. Ends the process by ending its socket, and
 * lives no longer than Holdfast does.
 */

import type { Socket } from 'node:net';
import { ByteQueue } from '../byte-queue.ts';
import { HoldfastError } from '../errors.ts';
import { Channel } from './channel.ts';
import { Credit, Debt } from './credit.ts';
import {
  type FrameHandler,
  FrameReader,
  type FrameType,
  frameType,
  isolationProtocol,
  parsePayload,
} from './frames.ts';
import { sendBody } from './send-body.ts';
import { encodeError } from './wire-errors.ts';

export interface Served {
  readonly signal: AbortSignal;
  /** Of a call that has one. Each piece is the queue's again when the next is asked for. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Answers by a value, or by bytes. */
export type Handler = (
  params: Readonly<Record<string, unknown>>,
  served: Served,
) => Promise<unknown> | AsyncIterable<Uint8Array>;

export interface Service {
  handlerOf(method: string): Handler;
  /** What the addin says of itself, where it says something else than the last time; it goes with each answer. */
  news(): unknown;
}

interface RunningCall {
  readonly controller: AbortController;
  readonly inbox: ByteQueue;
  readonly came: (piece: Buffer) => void;
  /** All of its body came. */
  readonly complete: () => void;
  readonly credit: Credit;
}

export class Server implements FrameHandler {
  readonly #channel: Channel;
  readonly #service: Service;
  readonly #running = new Map<number, RunningCall>();
  readonly #reader = new FrameReader(this);
  readonly #borrow: (piece: Buffer) => () => void;

  /** @param borrow keeps a piece of what was read from being overwritten, until what it returns is called */
  constructor(socket: Socket, service: Service, borrow: (piece: Buffer) => () => void) {
    this.#channel = new Channel(socket);
    this.#service = service;
    this.#borrow = borrow;
    this.#channel.send(frameType.hello, 0, { protocol: isolationProtocol });
  }

  push(bytes: Buffer): void {
    this.#reader.push(bytes);
  }

  data(id: number, piece: Buffer): void {
    const call = this.#running.get(id);
    // It has ended already, without its whole body.
    if (call === undefined) return;
    call.came(piece);
  }

  frame(type: FrameType, id: number, payload: Buffer): void {
    const call = this.#running.get(id);
    if (type === frameType.ping) this.#channel.send(frameType.pong, 0);
    else if (type === frameType.call) void this.#answer(id, payload);
    else if (call !== undefined) advance(call, type, payload);
  }

  async #answer(id: number, payload: Buffer): Promise<void> {
    const call = this.#begin(id);
    const { controller, inbox, credit } = call;
    this.#running.set(id, call);
    try {
      const { method, params } = parsePayload(payload) as { method: string; params: never };
      const answer = this.#service.handlerOf(method)(params, { signal: controller.signal, body: inbox });
      let value: unknown = null;
      if (isStream(answer)) await sendBody(answer, { channel: this.#channel, id, credit, onSent: () => {} });
      else value = (await answer) ?? null;
      this.#over(id, () => this.#channel.send(frameType.result, id, { value, news: this.#service.news() }));
    } catch (error) {
      this.#over(id, () =>
        this.#channel.send(frameType.error, id, { ...encodeError(error), news: this.#service.news() }),
      );
    } finally {
      inbox.abandon();
    }
  }

  #begin(id: number): RunningCall {
    const debt = new Debt((bytes) => this.#channel.credit(id, bytes));
    const lent = new Map<Uint8Array, () => void>();
    const inbox = new ByteQueue((piece) => {
      lent.get(piece)?.();
      lent.delete(piece);
      if (this.#running.has(id)) debt.took(piece.length);
    });
    const came = (piece: Buffer): void => {
      debt.came(piece.length);
      lent.set(piece, this.#borrow(piece));
      inbox.push(piece);
    };
    const complete = (): void => {
      debt.complete();
      inbox.end();
    };
    return { controller: new AbortController(), inbox, came, complete, credit: new Credit() };
  }

  #over(id: number, answer: () => void): void {
    this.#running.delete(id);
    answer();
  }
}

export const isStream = (answer: unknown): answer is AsyncIterable<Uint8Array> =>
  typeof answer === 'object' && answer !== null && Symbol.asyncIterator in answer;

function advance(
  { controller, inbox, complete, credit }: RunningCall,
  type: FrameType,
  payload: Buffer,
): void {
  if (type === frameType.end) complete();
  else if (type === frameType.credit) credit.add(payload.readUInt32LE());
  else if (type === frameType.error) {
    inbox.fail(new HoldfastError('INTERRUPTED', 'the body of the call failed'));
  } else if (type === frameType.abort) {
    controller.abort(new HoldfastError('INTERRUPTED', 'the call was interrupted'));
    credit.cancel();
  }
}
