/**
 * The accounts of a run in the order in which they are begun, each handed out together with its lock.
 *
 * An account that another job works on goes to the end. There the run waits for it, with no turn and no memory of an
 * account held: two configurations meet at the same accounts every night, and a restore may take hours. Only when that
 * took too long is the account given up.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from '../../contracts/panel.ts';
import { type AccountLock, accountLocked, lockPollMs, tryLockAccount } from '../account-lock.ts';
import type { BackUpRun } from './back-up.ts';

export type NextAccount =
  | { readonly account: Account; readonly owner: string; readonly lock: AccountLock }
  /** It is not to be begun, for this reason. */
  | { readonly account: Account; readonly owner: null; readonly cause: unknown };

type Parts = Pick<BackUpRun, 'state' | 'stateDir' | 'steps' | 'signal' | 'onEvent' | 'world' | 'lockWaitMs'>;
type Locked = Pick<NextAccount, 'account'> & { readonly owner: string };

export class AccountQueue {
  readonly #queue: Account[];
  readonly #parts: Parts;
  readonly #locked: Locked[] = [];
  /** Since when nothing else is left; null before. */
  #waitsSinceMs: number | null = null;

  constructor(accounts: readonly Account[], parts: Parts) {
    this.#queue = [...accounts];
    this.#parts = parts;
  }

  /** Null where none is left. Several may ask at once. Never rejects; whoever gets a lock releases it. */
  async next(): Promise<NextAccount | null> {
    return (await this.#nextFree()) ?? (await this.#nextUnlocked());
  }

  async #nextFree(): Promise<NextAccount | null> {
    const { state, stateDir } = this.#parts;
    for (let account = this.#queue.shift(); account !== undefined; account = this.#queue.shift()) {
      try {
        await this.#mayBegin();
        const owner = await state.accountId(account);
        const lock = tryLockAccount(stateDir, owner);
        if (lock !== null) return { account, owner, lock };
        this.#locked.push({ account, owner });
      } catch (cause) {
        return { account, owner: null, cause };
      }
    }
    return null;
  }

  async #nextUnlocked(): Promise<NextAccount | null> {
    while (this.#locked.length > 0) {
      let refusal: unknown = null;
      try {
        await this.#mayBegin();
        const free = this.#takeUnlocked();
        if (free !== null) return free;
        if (this.#hasTime()) {
          await sleep(lockPollMs, undefined, { signal: this.#parts.signal });
          continue;
        }
      } catch (cause) {
        refusal = cause;
      }
      const given = this.#locked.shift();
      if (given === undefined) break;
      const { account } = given;
      return { account, owner: null, cause: refusal ?? accountLocked(account.site) };
    }
    return null;
  }

  async #mayBegin(): Promise<void> {
    this.#parts.signal.throwIfAborted();
    await this.#parts.steps?.mayBegin?.();
  }

  #takeUnlocked(): NextAccount | null {
    for (const [index, one] of this.#locked.entries()) {
      const lock = tryLockAccount(this.#parts.stateDir, one.owner);
      if (lock === null) continue;
      this.#locked.splice(index, 1);
      return { ...one, lock };
    }
    return null;
  }

  #hasTime(): boolean {
    const { world, lockWaitMs = 0, onEvent } = this.#parts;
    const nowMs = world.now();
    if (this.#waitsSinceMs === null) {
      this.#waitsSinceMs = nowMs;
      const sites = this.#locked.map(({ account }) => account.site);
      if (lockWaitMs > 0) onEvent({ type: 'waiting', sites });
    }
    return Math.abs(nowMs - this.#waitsSinceMs) < lockWaitMs;
  }
}
