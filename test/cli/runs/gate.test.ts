import { describe, expect, it } from 'vitest';
import { makeGate } from '../../../src/cli/runs/gate.ts';

const { signal } = new AbortController();

describe('the gate before an account', () => {
  it('is closed from the end of the window on', async () => {
    let nowMs = 0;
    const gate = makeGate({ untilMs: 1000, maxLoad: null, now: () => nowMs, signal });
    await gate();
    nowMs = 1000;

    await expect(gate()).rejects.toMatchObject({ code: 'WINDOW_CLOSED' });
  });

  it('waits until the machine is less busy, for an hour of the run at most', async () => {
    let nowMs = 0;
    const loads = [9, 9, 1];
    const options = { maxLoad: 4, signal, pollMs: 1 } as const;
    await makeGate({ ...options, untilMs: null, now: () => 0, load: () => loads.shift() ?? 0 })();
    const busy = (): number => {
      nowMs += 600_000;
      return 9;
    };
    const gate = makeGate({ ...options, untilMs: null, now: () => nowMs, load: busy });
    await Promise.all([gate(), gate()]);
    await gate();

    expect(loads).toEqual([]);
    expect(nowMs).toBe(3_600_000);
  });

  it('turns away what waited until the window closed', async () => {
    let nowMs = 0;
    const busy = (): number => {
      nowMs += 600_000;
      return 9;
    };
    const gate = makeGate({
      untilMs: 1_000_000,
      maxLoad: 4,
      now: () => nowMs,
      signal,
      load: busy,
      pollMs: 1,
    });

    await expect(gate()).rejects.toMatchObject({ code: 'WINDOW_CLOSED' });
  });
});
