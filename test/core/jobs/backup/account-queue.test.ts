/** Real locks: the queue opens files of its own, so one held by the test is another job's. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Account } from '../../../../src/core/contracts/panel.ts';
import { type AccountLock, lockAccount } from '../../../../src/core/jobs/account-lock.ts';
import { AccountQueue, type NextAccount } from '../../../../src/core/jobs/backup/account-queue.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-queue-'));
afterAll(() => rmSync(dir, { recursive: true }));

const accounts = ['a', 'b', 'c'].map((site) => ({ site }) as Account);
let waited: string[];
let abort: AbortController;
let windowIsOpen: boolean;
beforeEach(() => {
  waited = [];
  abort = new AbortController();
  windowIsOpen = true;
});

const queueOf = (more: { lockWaitMs?: number; now?: () => number; onWait?: () => void } = {}): AccountQueue =>
  new AccountQueue(accounts, {
    stateDir: dir,
    state: { accountId: async ({ site }: Account) => site } as never,
    steps: {
      budget: null,
      async mayBegin() {
        if (!windowIsOpen) throw new Error('the window closed');
      },
      before: async () => {},
      after: async () => {},
      ended: async () => {},
    },
    signal: abort.signal,
    world: { now: more.now ?? (() => 0) } as never,
    lockWaitMs: more.lockWaitMs ?? 1000,
    onEvent(event) {
      if (event.type !== 'waiting') return;
      waited.push(...event.sites);
      more.onWait?.();
    },
  });

const held = (site: string): AccountLock => lockAccount(dir, site, site);

/** As a worker does that is done with each at once. */
async function drain(queue: AccountQueue): Promise<string[]> {
  const seen: string[] = [];
  for (let next = await queue.next(); next !== null; next = await queue.next()) {
    seen.push(next.owner === null ? `${next.account.site}: ${messageOf(next)}` : next.account.site);
    if (next.owner !== null) next.lock.release();
  }
  return seen;
}

const messageOf = ({ cause }: Extract<NextAccount, { owner: null }>): string => (cause as Error).message;

describe('an account that another job works on', () => {
  it('comes last, and needs no waiting where that job is done by then', async () => {
    const lock = held('a');
    const queue = queueOf();
    const first = await queue.next();
    lock.release();
    if (first?.owner) first.lock.release();

    expect([first?.account.site, ...(await drain(queue))]).toEqual(['b', 'c', 'a']);
    expect(waited).toEqual([]);
  });

  it('is waited for until that job is done', async () => {
    const lock = held('a');

    expect(await drain(queueOf({ onWait: () => lock.release() }))).toEqual(['b', 'c', 'a']);
    expect(waited).toEqual(['a']);
  });

  it('is given up once that took too long', async () => {
    const lock = held('a');
    let nowMs = 0;
    const seen = await drain(queueOf({ now: () => (nowMs += 600) }));
    lock.release();

    expect(seen).toEqual(['b', 'c', 'a: account a is being worked on by another job']);
  });

  it('holds up neither an interruption nor the end of the window', async () => {
    const locks = [held('a'), held('c')];
    const interrupted = await drain(queueOf({ onWait: () => abort.abort(new Error('stopped')) }));
    abort = new AbortController();
    const closed = await drain(
      queueOf({
        onWait() {
          windowIsOpen = false;
        },
      }),
    );
    for (const lock of locks) lock.release();

    expect(interrupted.map((text) => text.slice(0, 3))).toEqual(['b', 'a: ', 'c: ']);
    expect(closed).toEqual(['b', 'a: the window closed', 'c: the window closed']);
  });

  it('is left to others where nobody asked to wait', async () => {
    const lock = held('b');
    const seen = await drain(queueOf({ lockWaitMs: 0 }));
    lock.release();

    expect(seen).toEqual(['a', 'c', 'b: account b is being worked on by another job']);
    expect(waited).toEqual([]);
  });
});
