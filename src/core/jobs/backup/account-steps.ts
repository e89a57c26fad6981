/**
 * What others do before and after the steps of one account: hooks, a window that closes, a busy machine.
 *
 * The engine calls; it knows none of them.
 */

import type { AccountBudget } from '../../config/operations-schema.ts';
import type { Account } from '../../contracts/panel.ts';
import type { AccountOutcome } from './back-up.ts';

export interface AccountSteps {
  readonly budget: AccountBudget | null;
  /**
   * An account, any one, may be begun now; asked before its lock is taken, and while it is waited for.
   *
   * @throws WINDOW_CLOSED
   */
  mayBegin?(): Promise<void>;
  /**
   * May take its time. Rejects where the account, or the rest of it, is not to be done.
   *
   * @throws WINDOW_CLOSED, HOOK_FAILED
   */
  before(step: 'account' | 'export' | 'upload', account: Account): Promise<void>;
  /** @throws HOOK_FAILED the snapshot is not to be committed */
  after(step: 'export', account: Account): Promise<void>;
  /** A client that exported a component well had something to say; for the log, safe to print. */
  said?(account: Account, component: string, text: string): void;
  /** The account is done with, well or not. Never rejects. */
  ended(outcome: AccountOutcome): Promise<void>;
}
