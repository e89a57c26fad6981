/**
 * The addin's process as we call it: calls with numbers, bodies up, bytes down, stops.
 *
 * Believes nothing it is sent: an answer to no call, bytes beyond credit or after the end, and whatever else
 * is not of the protocol ends the conversation, and with it every call under way. Starts and ends no process.
 */

import type { Socket } from 'node:net';
import { HoldfastError } from '../errors.ts';
import { throwIfInterrupted } from '../interruption.ts';
import { Channel } from './channel.ts';
import { FrameReader, type FrameType, frameType, ProtocolError, parsePayload } from './frames.ts';
import { type Limit, PendingCall } from './pending-call.ts';
import { sendBody } from './send-body.ts';
import { decodeError } from './wire-errors.ts';

export interface PeerOptions {
  /** How the addin is called in errors: `the store webdav`. */
  readonly name: string;
  /** Values that may stand in no message. */
  readonly secrets: readonly string[];
  readonly ours: boolean;
  /** Told once, before any call fails, that nothing more will come: the protocol was broken. */
  readonly onBroken: (why: string) => void;
  /** Told what the addin says of itself, each time it says something else. */
  readonly onNews: (facts: unknown) => void;
  /** Told when the first call begins and when the last one has ended. */
  readonly onBusy: (busy: boolean) => void;
}

export interface Request {
  readonly method: string;
  /** For errors: `put of KEY`. */
  readonly what: string;
  readonly params: unknown;
  readonly signal: AbortSignal;
  /** Without progress; addins repeat what fails for minutes, unless told otherwise. */
  readonly limit?: Limit;
}

export class Peer {
  readonly #channel: Channel;
  readonly #options: PeerOptions;
  readonly #pending = new Map<number, PendingCall>();
  readonly hello = Promise.withResolvers<unknown>();
  #lastId = 0;
  #failure: Error | null = null;
  /** Ticks since anything came. */
  silent = 0;

  constructor(socket: Socket, options: PeerOptions) {
    this.#channel = new Channel(socket);
    this.#options = options;
    this.hello.promise.catch(() => {});
    const reader = new FrameReader({
      frame: (type, id, payload) => this.#frame(type, id, payload),
      data: (id, piece) => this.#call(id).data(piece),
    });
    socket.on('data', (bytes: Buffer) => {
      if (this.#failure !== null) return;
      this.silent = 0;
      try {
        reader.push(bytes);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.#break(error.message);
      }
    });
  }

  get calls(): Iterable<PendingCall> {
    return this.#pending.values();
  }

  async call(request: Request): Promise<unknown> {
    return this.#begin(request, 'plain', ({ call }) => call.answer.promise);
  }

  /** A call with a body. Its answer counts only where all of the body was sent, or is on its way. */
  async upload(request: Request, body: AsyncIterable<Uint8Array>): Promise<unknown> {
    return this.#begin(request, 'upload', async ({ call, id }) => {
      let bodyError: { readonly error: unknown } | null = null;
      let complete = false;
      const sending = { channel: this.#channel, id, credit: call.credit!, onSent: () => (call.idle = 0) };
      sendBody(body, sending).then(
        (all) => {
          call.sending = false;
          complete = all;
          if (all) this.#channel.send(frameType.end, id);
        },
        (error) => {
          call.sending = false;
          bodyError = { error };
          if (this.#pending.has(id)) this.#channel.send(frameType.error, id, { message: 'the body failed' });
        },
      );
      try {
        const answer = await call.answer.promise;
        if (bodyError === null && !complete) this.#break('it answered before it had the whole body');
        if (this.#failure !== null && !complete) throw this.#failure;
        if (bodyError === null) return answer;
      } catch (error) {
        if (bodyError === null) throw error;
      }
      throw (bodyError as { readonly error: unknown }).error;
    });
  }

  /** A call that is answered by bytes. Whoever stops reading stops the call. */
  async *download(request: Request): AsyncGenerator<Uint8Array, void, undefined> {
    const { call, id, over } = this.#start(request, 'download');
    let ended = false;
    try {
      yield* call.inbox!;
      ended = true;
    } finally {
      if (!ended && this.#pending.has(id)) {
        call.stopping ??= 0;
        this.#channel.send(frameType.abort, id);
      }
      over();
    }
  }

  /** Resolves when no call is under way. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) {
      await Promise.allSettled([...this.#pending.values()].map(({ answer }) => answer.promise));
    }
  }

  ping(): void {
    this.#channel.send(frameType.ping, 0);
  }

  /** Nothing more will come. Every call under way ends with this error, and so does each that comes. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.hello.reject(error);
    const calls = [...this.#pending.values()];
    this.#pending.clear();
    for (const call of calls) call.fail(call.stopping === null ? error : interrupted(call.what));
    if (calls.length > 0) this.#options.onBusy(false);
  }

  async #begin<T>(
    request: Request,
    form: 'plain' | 'upload',
    work: (started: { readonly call: PendingCall; readonly id: number }) => Promise<T>,
  ): Promise<T> {
    const started = this.#start(request, form);
    try {
      return await work(started);
    } finally {
      started.over();
    }
  }

  #start({ method, what, params, signal, ...rest }: Request, form: 'plain' | 'upload' | 'download') {
    throwIfInterrupted(signal, what);
    if (this.#failure !== null) throw this.#failure;
    this.#lastId += 1;
    const id = this.#lastId;
    const call = new PendingCall({ what, ...rest }, form, (bytes) => {
      if (this.#pending.has(id)) this.#channel.credit(id, bytes);
    });
    const abort = (): void => {
      if (!this.#pending.has(id)) return;
      call.stopping ??= 0;
      this.#channel.send(frameType.abort, id);
      // What it goes on sending is nobody's business; other calls wait until they know how they ended.
      call.inbox?.fail(interrupted(what));
    };
    this.#channel.send(frameType.call, id, { method, params });
    this.#pending.set(id, call);
    if (this.#pending.size === 1) this.#options.onBusy(true);
    signal.addEventListener('abort', abort, { once: true });
    return { call, id, over: () => signal.removeEventListener('abort', abort) };
  }

  /** @throws ProtocolError */
  #frame(type: FrameType, id: number, payload: Buffer): void {
    if (type === frameType.hello) this.hello.resolve(parsePayload(payload));
    else if (type === frameType.credit) {
      if (payload.length !== 4) throw new ProtocolError('it sent credit without a number');
      this.#call(id).taken(payload.readUInt32LE());
    } else if (type === frameType.result || type === frameType.error) this.#answered(type, id, payload);
    else if (type !== frameType.pong) throw new ProtocolError(`it sent a frame of type ${type}`);
  }

  #answered(type: FrameType, id: number, payload: Buffer): void {
    const call = this.#call(id);
    const answer = (parsePayload(payload) ?? {}) as { readonly value?: unknown; readonly news?: unknown };
    const error = type === frameType.error ? this.#error(answer, call) : null;
    if (error === null && call.inbox !== null && answer.value !== null) {
      throw new ProtocolError(`it answered ${call.what} with something else than bytes`);
    }
    this.#pending.delete(id);
    if (answer.news !== undefined) this.#options.onNews(answer.news);
    if (error === null) call.end(answer.value);
    else call.fail(error);
    if (this.#pending.size === 0) this.#options.onBusy(false);
  }

  /** @throws ProtocolError there is none of that number, or none any more */
  #call(id: number): PendingCall {
    const call = this.#pending.get(id);
    if (call === undefined) throw new ProtocolError(`it answered call ${id}, which is not under way`);
    return call;
  }

  #error(answer: unknown, { what, stopping }: PendingCall): Error {
    const { name, secrets, ours } = this.#options;
    const from = { what: `${what} by ${name}`, secrets, ours };
    return decodeError(answer, { ...from, stopped: stopping !== null });
  }

  #break(why: string): void {
    if (this.#failure !== null) return;
    this.#options.onBroken(why);
    this.fail(brokenBy(this.#options.name, why));
  }
}

const interrupted = (what: string): HoldfastError =>
  new HoldfastError('INTERRUPTED', `${what} was interrupted`);

export function brokenBy(name: string, why: string): HoldfastError {
  return new HoldfastError('ADDIN_BROKEN', `${name} does not keep to the protocol: ${why}`, {
    hint: 'Update the addin, or tell its author.',
  });
}
