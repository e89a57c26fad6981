/**
 * Keeps the last session with a server for a moment: accounts follow one another, and each connection costs the server
 * a process or a thread, and both sides some questions.
 */

/** Short enough that nothing between us and the server ends it meanwhile. */
const keptMs = 1000;

export interface KeptSession {
  /** False once the connection is known to have ended. */
  readonly isOpen: boolean;
  close(): Promise<void>;
}

interface Idle<S> {
  readonly session: S;
  readonly signal: AbortSignal;
  readonly timer: NodeJS.Timeout;
}

export class IdleSession<S extends KeptSession> {
  readonly #open: (signal: AbortSignal) => Promise<S>;
  readonly #failure: (cause: unknown) => Error;
  #idle: Idle<S> | null = null;

  /** @param failure what a failure of the work is told as */
  constructor(open: (signal: AbortSignal) => Promise<S>, failure: (cause: unknown) => Error) {
    this.#open = open;
    this.#failure = failure;
  }

  /** Gives a session for the time of `work`, which must leave it as it was. @throws what `open` throws, and `failure` */
  async with<T>(signal: AbortSignal, work: (session: S) => Promise<T>): Promise<T> {
    const session = this.#take(signal) ?? (await this.#open(signal));
    let result: T;
    try {
      result = await work(session);
    } catch (cause) {
      await session.close();
      throw this.#failure(cause);
    }
    await this.#keep(session, signal);
    return result;
  }

  async close(): Promise<void> {
    await this.#forget()?.close();
  }

  #take(signal: AbortSignal): S | null {
    if (this.#idle?.signal.aborted === true) this.#forget();
    if (this.#idle?.signal !== signal) return null;
    const session = this.#forget();
    return session?.isOpen === true ? session : null;
  }

  /** An interrupted one has ended by itself. */
  #forget(): S | null {
    const idle = this.#idle;
    clearTimeout(idle?.timer);
    this.#idle = null;
    return idle?.session ?? null;
  }

  async #keep(session: S, signal: AbortSignal): Promise<void> {
    if (this.#idle !== null || signal.aborted || !session.isOpen) return session.close();
    const timer = setTimeout(() => void this.close(), keptMs);
    this.#idle = { session, signal, timer };
  }
}
