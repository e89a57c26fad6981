import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Daemon } from '../../../src/core/schedule/daemon.ts';
import {
  begun,
  ended,
  itemsOf,
  ordersFor,
  type RunOrder,
  type ScheduleStates,
  settle,
} from '../../../src/core/schedule/schedule.ts';

const ms = (text: string): number => Date.parse(text);
const minuteMs = 60_000;
const nightly = { level: 'full', cron: '0 3 * * *' } as const;
const timing = { timeZone: 'UTC', window: null, randomDelayMinutes: 0 } as const;
const items = itemsOf([{ name: 'nightly', schedule: [nightly], ...timing }]);

const ordersAt = (states: ScheduleStates, nowMs: number): RunOrder[] =>
  ordersFor(items, states, { nowMs, busy: new Set(), seed: 'server' });

describe('a random delay', () => {
  it.each(['one', 'two', 'three', 'four', 'five'])(
    'is one for all lines of a time, so that a run stands for them together, on server %s',
    (seed) => {
      const schedule = [
        { level: 'full', cron: '0 3 1 * *' },
        { ...nightly, level: 'auto' },
      ] as const;
      const both = itemsOf([{ name: 'nightly', schedule, ...timing, randomDelayMinutes: 30 }]);
      const begunAt: string[] = [];
      let states: ScheduleStates = {};
      for (let nowMs = ms('2026-02-28T12:00Z'); nowMs < ms('2026-03-02T04:00Z'); nowMs += minuteMs) {
        states = settle(both, states, nowMs);
        for (const order of ordersFor(both, states, { nowMs, busy: new Set(), seed })) {
          states = ended(begun(states, order, nowMs), order);
          begunAt.push(`${new Date(order.forMs).toISOString().slice(5, 10)} ${order.item.level}`);
        }
      }

      expect(begunAt).toEqual(['03-01 full', '03-02 auto']);
    },
  );
});

describe('a clock that is set back by years', () => {
  const beforeMs = ms('2026-05-05T12:00Z');
  const done: ScheduleStates = { [items[0]!.key]: { doneThroughMs: beforeMs, begun: null } };
  const lost = settle(items, done, ms('1970-01-01T00:05Z'));

  it('repeats nothing once it is right again, as that of a machine without a battery', () => {
    const back = settle(items, lost, beforeMs + 10 * minuteMs);

    expect(ordersAt(lost, ms('1970-01-01T00:05Z'))).toEqual([]);
    expect(back).toEqual(done);
  });

  it('is followed where it stays', () => {
    const nowMs = ms('1970-01-01T03:01Z');
    const states = settle(items, lost, nowMs);
    const [order] = ordersAt(states, nowMs);
    const after = ended(begun(states, order!, nowMs), order!);

    expect(order?.forMs).toBe(ms('1970-01-01T03:00Z'));
    expect(settle(items, after, beforeMs)[items[0]!.key]?.doneThroughMs).toBe(nowMs);
  });

  it('forgets no run that was cut off before it, and none that has ended since', () => {
    const owing: ScheduleStates = { [items[0]!.key]: { doneThroughMs: beforeMs - 86_400_000, begun: null } };
    const order = ordersAt(owing, beforeMs)[0]!;
    const running = begun(owing, order, beforeMs);
    const back = (states: ScheduleStates): ScheduleStates => settle(items, states, beforeMs + 10 * minuteMs);
    const meanwhile = settle(items, running, ms('1970-01-01T00:05Z'));

    expect(ordersAt(back(meanwhile), beforeMs + 10 * minuteMs)).toMatchObject([
      { covers: [{ again: true }] },
    ]);
    expect(ordersAt(back(ended(meanwhile, order)), beforeMs + 10 * minuteMs)).toEqual([]);
  });
});

describe('a daemon', () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-daemon-'));
  afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

  it('begins nothing for a line that is put back, or switched on, before its next time', async () => {
    const runs: string[] = [];
    const look = async (now: string, ...schedule: readonly (typeof nightly)[]): Promise<void> => {
      const daemon = new Daemon({
        stateDir,
        seed: 'server',
        now: () => ms(now),
        signal: new AbortController().signal,
        scheduled: async () => [{ name: 'nightly', schedule, ...timing }],
        run: async ({ forMs }) => {
          runs.push(new Date(forMs).toISOString());
        },
        onTrouble: (error) => {
          throw error;
        },
        everyMs: 1,
      });
      await daemon.serve({ once: true });
    };
    await look('2026-01-05T12:00Z', nightly);
    await look('2026-01-06T03:01Z', nightly);
    await look('2026-01-06T04:00Z');
    await look('2026-03-07T12:01Z', nightly);
    await look('2026-03-08T03:01Z', nightly);

    expect(runs).toEqual(['2026-01-06T03:00:00.000Z', '2026-03-08T03:00:00.000Z']);
  });
});
