/** The retention policy: its rules one by one, and what holds for any history. */

import { describe, expect, it } from 'vitest';
import type { Retention } from '../../../../src/core/config/addin-schema.ts';
import { decideRetention } from '../../../../src/core/jobs/retention/decide.ts';
import { startOf } from '../../../../src/core/jobs/retention/rules.ts';
import type { Protection, RetainedSnapshot } from '../../../../src/core/jobs/retention/types.ts';

const hour = 3_600_000;
const day = 24 * hour;
const start = Date.UTC(2026, 10, 21, 3, 15);
const free: Protection = { holds: [], erasure: null, pins: [] };

let nextId = 0;
function snapshot(sequence: number, atMs: number, more: Partial<RetainedSnapshot> = {}): RetainedSnapshot {
  const id = String(nextId++).padStart(12, '0');
  const components = [{ name: 'tree shadow', complete: more.state !== 'partial' }];
  return { id, lineage: 'a', sequence, atMs, level: 'full', state: 'complete', components, ...more };
}

/** One each day, the newest at `start`. */
const daily = (count: number): RetainedSnapshot[] =>
  Array.from({ length: count }, (_, i) => snapshot(i + 1, start - (count - 1 - i) * day));

function kept(
  snapshots: readonly RetainedSnapshot[],
  rules: Retention | null,
  { nowMs = start, protections = new Map<string, Protection>() } = {},
): number[] {
  const protectionOf = ({ id }: RetainedSnapshot): Protection => protections.get(id) ?? free;
  return decideRetention({ snapshots, rules, protectionOf, nowMs })
    .filter(({ keep }) => keep)
    .map((one) => one.snapshot.sequence);
}

const reasonsOf = (snapshots: readonly RetainedSnapshot[], rules: Retention | null): string[][] =>
  decideRetention({ snapshots, rules, protectionOf: () => free, nowMs: start }).map((one) => [
    ...one.reasons,
  ]);

describe('the keep rules', () => {
  it('keep the newest of each span', () => {
    const all = daily(60);

    expect(kept(all, { keepLast: 3 })).toEqual([58, 59, 60]);
    expect(kept(all, { keepDaily: 7 })).toEqual([54, 55, 56, 57, 58, 59, 60]);
    // The 21st is a Saturday; weeks end on Sundays.
    expect(kept(all, { keepWeekly: 3 })).toEqual([47, 54, 60]);
    expect(kept(all, { keepMonthly: 2 })).toEqual([39, 60]);
    expect(kept(all, { keepYearly: 5 })).toEqual([60]);
    expect(kept(all, { keepWithin: '3d' })).toEqual([57, 58, 59, 60]);
    expect(kept(all, { keepDaily: 2, keepMonthly: 2 })).toEqual([39, 59, 60]);
  });

  it('count hours that have one, not hours that passed', () => {
    const all = [0, 1, 1.5, 30, 30.5, 31].map((hours, i) => snapshot(i + 1, start + hours * hour));

    expect(kept(all, { keepHourly: 3 }, { nowMs: start + 31 * hour })).toEqual([3, 5, 6]);
  });

  it('follow the sequence where times are equal or a clock went back', () => {
    const equal = [1, 2, 3].map((sequence) => snapshot(sequence, start));
    const back = [snapshot(1, start - day), snapshot(2, start), snapshot(3, start - 2 * day)];

    expect(kept(equal, { keepDaily: 5 })).toEqual([3]);
    expect(kept(back, { keepLast: 1 })).toEqual([3]);
  });

  it('order a new lineage by time, whose sequence begins anew', () => {
    const old = daily(5);
    const fresh = snapshot(1, start + hour, { lineage: '0' });

    expect(kept([...old, fresh], { keepLast: 2 }, { nowMs: start + hour })).toEqual([5, 1]);
  });

  it('remove nothing where there are none', () => {
    expect(kept(daily(9), null)).toHaveLength(9);
    expect(kept(daily(9), { maxRemoveShare: 1 })).toHaveLength(9);
    expect(reasonsOf(daily(2), null)[0]).toEqual(['no retention is configured']);
  });

  it('say why in plain words', () => {
    expect(reasonsOf(daily(3), { keepDaily: 2, keepWithin: '1d' })).toEqual([
      ['no rule keeps it'],
      ['the newest of 2026-11-20 (keepDaily)', 'younger than 1d (keepWithin)'],
      ['the newest good one', 'the newest of 2026-11-21 (keepDaily)', 'younger than 1d (keepWithin)'],
    ]);
  });

  it('take a month or year ago for the end of a month that is shorter', () => {
    expect(new Date(startOf('1m', Date.UTC(2027, 2, 31, 5))).toISOString()).toBe('2027-02-28T23:59:59.999Z');
    expect(new Date(startOf('1y', Date.UTC(2028, 1, 29, 5))).toISOString()).toBe('2027-02-28T23:59:59.999Z');
    expect(new Date(startOf('2w', start)).toISOString()).toBe('2026-11-07T03:15:00.000Z');
  });
});

describe('whatever the rules say', () => {
  const both = (shadow: boolean, shop: boolean): Partial<RetainedSnapshot> => ({
    state: shadow && shop ? 'complete' : 'partial',
    components: [
      { name: 'tree shadow', complete: shadow },
      { name: 'database mariadb/shop', complete: shop },
    ],
  });

  it('the newest good one stays, and what is newer', () => {
    const all = [
      ...daily(3),
      snapshot(4, start, { state: 'partial' }),
      snapshot(5, start, { state: 'partial' }),
    ];

    expect(kept(all, { keepYearly: 1 })).toEqual([3, 4, 5]);
  });

  it('the newest good one stays, and what is newer, of the lineage that a clock has not dated ahead', () => {
    const ahead = { lineage: '0', atMs: start + 400 * day };
    const old = [snapshot(7, start - 9 * day, { lineage: '0' }), snapshot(8, start, ahead)];
    const all = [...daily(3), snapshot(4, start, { state: 'partial', components: [] })];

    for (const before of [old, old.slice(1)])
      expect(kept([...before, ...all], { keepYearly: 1 })).toEqual([8, 3, 4]);
    // What came after that one counts by its own date.
    const last = snapshot(9, start + hour / 2, { lineage: '0', state: 'partial', components: [] });
    expect(kept([...all, ...old, last], { keepYearly: 1 })).toEqual([8, 3, 4, 9]);
  });

  it('the last good of each component stays, in a partial one as well', () => {
    const all = [
      snapshot(1, start - 9 * day, both(true, true)),
      snapshot(2, start - 8 * day, both(true, false)),
      snapshot(3, start - 7 * day, { components: [{ name: 'tree shadow', complete: true }] }),
      snapshot(4, start, { components: [{ name: 'tree shadow', complete: true }] }),
    ];

    expect(kept(all, { keepLast: 1 })).toEqual([1, 4]);
    expect(reasonsOf(all, { keepLast: 1 })[0]).toEqual(['the last good of database mariadb/shop']);
    expect(reasonsOf(all, { keepLast: 1 })[1]).toEqual([
      'partial, and newer snapshots have all its good components',
    ]);
  });

  const withDatabase = (
    sequence: number,
    database: string,
    components: RetainedSnapshot['components'] = [],
  ) =>
    snapshot(sequence, start - (400 - sequence) * day, {
      components: [
        { name: 'tree shadow', complete: true },
        { name: `database mariadb/${database}`, complete: true },
        ...(components ?? []),
      ],
    });

  it('the last good of what is gone stays in the newest twenty, so that nobody stops retention with names', () => {
    const names = Array.from({ length: 365 }, (_, i) => withDatabase(i + 1, `tmp${i + 1}`));
    const stay = Array.from({ length: 21 }, (_, i) => 345 + i);

    expect(kept(names, { keepLast: 1 })).toEqual(stay);
    expect(reasonsOf(names, { keepLast: 1 })[343]).toEqual([
      'no rule keeps it',
      'the last good of database mariadb/tmp344, but 20 newer snapshots hold what went later',
    ]);
    const left = names.slice(344);
    expect(kept(left, { keepLast: 1 })).toEqual(stay);
  });

  it('the last good of what is listed still stays, however old', () => {
    const names = Array.from({ length: 60 }, (_, i) => withDatabase(i + 2, `tmp${i + 2}`));
    const again = snapshot(62, start, {
      state: 'partial',
      components: [{ name: 'database mariadb/shop', complete: false }],
    });

    expect(kept([withDatabase(1, 'shop'), ...names, again], { keepLast: 1 })[0]).toBe(1);
    expect(kept([withDatabase(1, 'shop'), ...names], { keepLast: 1 })[0]).toBe(41);
  });

  it('what goes at once takes one place', () => {
    const many = Array.from({ length: 30 }, (_, i) => ({ name: `database mariadb/old${i}`, complete: true }));
    const all = [
      withDatabase(1, 'old', many),
      ...daily(3).map((one) => ({ ...one, sequence: one.sequence + 1 })),
    ];

    expect(kept(all, { keepLast: 1 })).toEqual([1, 4]);
  });

  it('a locked one that is complete counts as having everything, so that plain ones go', () => {
    const plain = [1, 2].map((sequence) => snapshot(sequence, start - (9 - sequence) * day));
    const locked = [3, 4, 5].map((sequence) =>
      snapshot(sequence, start - (9 - sequence) * day, { components: null }),
    );
    const partial = snapshot(3, start - 6 * day, { components: null, state: 'partial' });

    expect(kept([...plain, ...locked], { keepLast: 2 })).toEqual([4, 5]);
    expect(kept([...plain, partial], { keepLast: 1 })).toEqual([2, 3]);
  });

  it('the newest locked one stays below plain ones, since nobody knows what it has', () => {
    const locked = [1, 2].map((sequence) => snapshot(sequence, start - 9 * day, { components: null }));
    const all = [...locked, snapshot(3, start - day), snapshot(4, start)];

    expect(kept(all, { keepLast: 1 })).toEqual([2, 4]);
    expect(reasonsOf(all, { keepLast: 1 })[1]).toEqual([
      'locked, so what it has the last good of is not known',
    ]);
  });

  it('partial ones do not count for the rules', () => {
    const all = [...daily(4)];
    all[2] = snapshot(3, all[2]!.atMs, { state: 'partial' });

    expect(kept(all, { keepLast: 2 })).toEqual([2, 4]);
  });

  it('what lost something after it was good has its place as before, and takes none from a good one', () => {
    const lost = { state: 'partial', wasComplete: true } as const;
    const all = daily(6).map((one) => (one.sequence < 6 ? { ...one, ...lost, components: [] } : one));
    const sameDay = [snapshot(1, start - day), snapshot(2, start - day + hour, lost), snapshot(3, start)];

    expect(kept(all, { keepLast: 4 })).toEqual([3, 4, 5, 6]);
    expect(kept(all, { keepWithin: '2d' })).toEqual([4, 5, 6]);
    expect(reasonsOf(all, { keepLast: 4 })[1]).toEqual(['no rule keeps it']);
    expect(reasonsOf(all, { keepLast: 4 })[2]).toEqual([
      'of the newest 4 (keepLast), counted as before it lost something',
    ]);
    expect(reasonsOf(all, { keepLast: 4 })[5]?.[0]).toBe('the newest good one');
    // Of a component that it lost it is not the last good one.
    expect(kept([snapshot(1, start - 9 * day), ...all.slice(3, 5)], { keepLast: 1 })).toEqual([1, 4, 5]);
    expect(kept(sameDay, { keepDaily: 2 })).toEqual([1, 2, 3]);
  });

  it('those of the future stay and take no place', () => {
    const all = [...daily(5), snapshot(6, start + 400 * day), snapshot(7, start + 300 * day)];

    expect(kept(all, { keepDaily: 2 })).toEqual([4, 5, 6, 7]);
  });

  it('the newest full stays while others build on fulls', () => {
    const all = daily(9).map((one, i) => ({ ...one, level: i % 4 === 0 ? 'full' : 'incremental' }) as const);

    expect(kept(all.slice(0, 8), { keepLast: 2 })).toEqual([5, 7, 8]);
    expect(kept(all, { keepLast: 2 })).toEqual([8, 9]);
  });
});

describe('precedence', () => {
  it('is hold, erasure, pin, policy', () => {
    const all = daily(5);
    const protections = new Map<string, Protection>([
      [all[0]!.id, { holds: ['legal hold: case 7'], erasure: 'erased', pins: [] }],
      [all[1]!.id, { holds: [], erasure: 'erased', pins: ['pinned: for ever'] }],
      [all[2]!.id, { holds: [], erasure: null, pins: ['pinned: before the move'] }],
      [all[4]!.id, { holds: [], erasure: 'erased', pins: [] }],
    ]);

    expect(kept(all, { keepLast: 1 }, { protections })).toEqual([1, 3, 4]);
  });

  it('gives held and pinned ones no place in the rules', () => {
    const all = daily(5);
    const protections = new Map([[all[4]!.id, { ...free, pins: ['pinned: x'] }]]);

    expect(kept(all, { keepLast: 2 }, { protections })).toEqual([3, 4, 5]);
  });
});

describe('any history', () => {
  const blocks = Array.from({ length: 20 }, (_, block) => block * 25);

  it.each(blocks)('keeps what it must, 25 seeds from %i', (first) => {
    for (let seed = first; seed < first + 25; seed++) check(seed);
  });

  function check(seed: number): void {
    const random = generator(seed);
    const { snapshots, rules, protectionOf } = history(random);
    const at = (nowMs: number, of = snapshots) =>
      decideRetention({ snapshots: of, rules, protectionOf, nowMs });
    const decisions = at(start);
    const stay = decisions.filter(({ keep }) => keep).map((one) => one.snapshot);

    expect(decisions).toHaveLength(snapshots.length);
    expect(decisions.every(({ reasons }) => reasons.length > 0)).toBe(true);
    // The newest in the order of sequence, good or not, and the newest good.
    const ordered = decisions.map((one) => one.snapshot);
    expect(stay).toContain(ordered.at(-1));
    const good = ordered.findLast(({ state }) => state === 'complete');
    if (good !== undefined) expect(stay).toContain(good);
    for (const { name } of ordered.flatMap(({ components }) => components ?? [])) {
      const last = ordered.findLast((one) => one.components?.some((c) => c.name === name && c.complete));
      if (last !== undefined) expect(stay).toContain(last);
    }
    for (const one of ordered) if (protectionOf(one).pins.length > 0) expect(stay).toContain(one);
    // Once more with what is left changes nothing.
    expect(at(start, stay).every(({ keep }) => keep)).toBe(true);
    // Time alone never brings back what went.
    for (const later of [hour, day, 40 * day, 800 * day]) {
      const then = at(start + later).filter(({ keep }) => keep);
      expect(then.every((one) => stay.includes(one.snapshot))).toBe(true);
    }
  }
});

function generator(seed: number): (below: number) => number {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function history(random: (below: number) => number) {
  const lineages = ['m', 'b'].slice(0, 1 + random(2));
  const snapshots: RetainedSnapshot[] = [];
  for (const lineage of lineages) {
    let atMs = start - random(400) * day;
    for (let sequence = 1; sequence <= 1 + random(40); sequence++) {
      atMs += [0, hour / 2, hour * 5, day, 3 * day, 20 * day, -2 * day][random(7)]!;
      const components = ['tree shadow', 'tree info', 'database m/a', 'database m/b']
        .slice(0, 1 + random(4))
        .map((name) => ({ name, complete: random(5) > 0 }));
      const state = components.every(({ complete }) => complete) ? 'complete' : 'partial';
      const level = (['full', 'differential', 'incremental'] as const)[random(3)]!;
      const lost = state === 'partial' && random(2) === 0 ? { wasComplete: true as const } : {};
      snapshots.push(snapshot(sequence, atMs, { lineage, components, state, level, ...lost }));
    }
  }
  const rule = (most: number): number | undefined => (random(2) === 0 ? undefined : 1 + random(most));
  const given = {
    keepLast: rule(4),
    keepHourly: rule(9),
    keepDaily: rule(9),
    keepWeekly: rule(5),
    keepMonthly: rule(9),
    keepYearly: rule(3),
    keepWithin: random(3) === 0 ? `${1 + random(20)}${'hdwmy'[random(5)]}` : undefined,
  };
  const rules = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as Retention;
  const pinned = new Set(snapshots.filter(() => random(12) === 0));
  const protectionOf = (one: RetainedSnapshot): Protection =>
    pinned.has(one) ? { ...free, pins: ['pinned: x'] } : free;
  return { snapshots, rules, protectionOf };
}
