/**
 * Keeps the last session with a server for a moment: accounts follow one another, and the server starts a process
 * for each connection.
 */

import type { DatabaseInstanceConfig } from '../types.ts';
import { maintenanceDatabase, openSession, type Session, unreachable } from './session.ts';

/** Short enough that nothing between us and the server ends it meanwhile. */
const keptMs = 1000;

interface Idle {
  readonly session: Session;
  readonly signal: AbortSignal;
  readonly timer: NodeJS.Timeout;
}

export class IdleSession {
  readonly #config: DatabaseInstanceConfig;
  #idle: Idle | null = null;

  constructor(config: DatabaseInstanceConfig) {
    this.#config = config;
  }

  /** As `withSession`; the work must leave the session as it was. */
  async with<T>(signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    const session = this.#take(signal) ?? (await openSession(this.#config, maintenanceDatabase, signal));
    let result: T;
    try {
      result = await work(session);
    } catch (cause) {
      await session.close();
      throw unreachable(this.#config, cause);
    }
    await this.#keep(session, signal);
    return result;
  }

  async close(): Promise<void> {
    const session = this.#idle === null ? null : this.#take(this.#idle.signal);
    await session?.close();
  }

  #take(signal: AbortSignal): Session | null {
    const idle = this.#idle;
    if (idle === null || idle.signal !== signal || signal.aborted) return null;
    clearTimeout(idle.timer);
    this.#idle = null;
    return idle.session.isOpen ? idle.session : null;
  }

  async #keep(session: Session, signal: AbortSignal): Promise<void> {
    if (this.#idle !== null || signal.aborted) return session.close();
    const timer = setTimeout(() => void this.close(), keptMs);
    this.#idle = { session, signal, timer };
  }
}
