import { afterEach, describe, expect, it, vi } from 'vitest';
import { IdleSession, type KeptSession } from '../../../src/core/databases/idle-session.ts';

interface Fake extends KeptSession {
  readonly number: number;
  isOpen: boolean;
}

/** Sessions by number, and what became of each. */
function laboratory() {
  const opened: Fake[] = [];
  const open = async (): Promise<Fake> => {
    const session: Fake = {
      number: opened.length + 1,
      isOpen: true,
      close: async () => {
        session.isOpen = false;
      },
    };
    opened.push(session);
    return session;
  };
  const sessions = new IdleSession<Fake>(open, (cause) => new Error('it failed', { cause }));
  const use = (signal: AbortSignal): Promise<number> => sessions.with(signal, async ({ number }) => number);
  return { opened, sessions, use };
}

describe('a session that is kept for a moment', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is used again by who follows, and closed with its owner', async () => {
    const { opened, sessions, use } = laboratory();
    const { signal } = new AbortController();

    expect([await use(signal), await use(signal)]).toEqual([1, 1]);
    expect(opened[0]!.isOpen).toBe(true);
    await sessions.close();
    expect(opened[0]!.isOpen).toBe(false);
  });

  it('is one: of two that end at the same time the other is closed', async () => {
    const { opened, sessions, use } = laboratory();
    const { signal } = new AbortController();
    await Promise.all([use(signal), use(signal)]);

    expect(opened.filter(({ isOpen }) => isOpen)).toHaveLength(1);
    await sessions.close();
  });

  it('is nobody else’s: work that may be interrupted by another signal gets its own', async () => {
    const { sessions, use } = laboratory();

    expect(await use(new AbortController().signal)).toBe(1);
    expect(await use(new AbortController().signal)).toBe(2);
    await sessions.close();
  });

  it('does not stand in the way once the work of its signal was interrupted', async () => {
    const { sessions, use } = laboratory();
    const interrupted = new AbortController();
    expect(await use(interrupted.signal)).toBe(1);
    interrupted.abort();
    const { signal } = new AbortController();

    expect([await use(signal), await use(signal)]).toEqual([2, 2]);
    await sessions.close();
  });

  it('is not used where it has ended meanwhile, or where the work with it failed', async () => {
    const { opened, sessions, use } = laboratory();
    const { signal } = new AbortController();
    await use(signal);
    opened[0]!.isOpen = false;
    expect(await use(signal)).toBe(2);
    const failing = sessions.with(signal, async () => {
      throw new Error('a query');
    });

    await expect(failing).rejects.toThrow('it failed');
    expect(opened[1]!.isOpen).toBe(false);
    expect(await use(signal)).toBe(3);
    await sessions.close();
  });

  it('is closed when nobody has used it for a second', async () => {
    vi.useFakeTimers();
    const { opened, use } = laboratory();
    await use(new AbortController().signal);
    await vi.advanceTimersByTimeAsync(1100);

    expect(opened[0]!.isOpen).toBe(false);
  });
});
