import { describe, expect, it } from 'vitest';
import { findingsOf, newestIsShrunk } from '../../../../src/core/jobs/findings/findings.ts';
import type { Measures } from '../../../../src/core/state/measures.ts';

const usual: Measures = {
  id: '0123456789ab',
  state: 'complete',
  entries: 10_000,
  bytes: 100_000_000,
  changes: 50,
  newBytes: 30_000_000,
  ratio: 2.5,
  findings: [],
};

const nights = (count: number, one: Partial<Measures> = {}): Measures[] =>
  Array.from({ length: count }, () => ({ ...usual, ...one }));

const codes = (newest: Partial<Measures>, earlier = nights(7)): string[] =>
  findingsOf({ ...usual, ...newest }, earlier).map(({ code }) => code);

describe('the findings of a snapshot', () => {
  it('are none where it is like those before it', () => {
    expect(codes({})).toEqual([]);
  });

  it('allow a differential the changes of all snapshots since the full, and later ones no more than before', () => {
    const differential = { changes: 700, steps: 14 };
    const ofWeeks = [...nights(6), { ...usual, changes: 350, steps: 7 }];

    expect(codes(differential, ofWeeks)).toEqual([]);
    expect(codes({ changes: 7001, steps: 14 }, ofWeeks)).toEqual(['unusual-change']);
    expect(codes({ changes: 700 }, [...nights(3), { ...usual, ...differential }])).toEqual([
      'unusual-change',
    ]);
  });

  it('name what is usual in few digits', () => {
    const earlier = [1.8, 2.0710000000000002, 1.8, 2.0710000000000002].map((ratio) => ({ ...usual, ratio }));
    expect(findingsOf({ ...usual, ratio: 1.01 }, earlier)[0]?.message).toContain('usually 1.936 to 1: ');
  });

  it('name a size below half of the median, of entries or of bytes', () => {
    expect(findingsOf({ ...usual, entries: 1 }, nights(7))[0]?.message).toContain('it has 1 entry, ');
    expect(codes({ entries: 5000, bytes: 50_000_000 })).toEqual([]);
    expect(findingsOf({ ...usual, entries: 4999 }, nights(7))).toEqual([
      {
        code: 'shrunk',
        what: 'entries',
        measured: 4999,
        usual: 10_000,
        message: 'it has 4999 entries, the 7 before it 10000 in the median',
      },
    ]);
    expect(codes({ bytes: 49_999_999, newBytes: 0, ratio: null })).toEqual(['shrunk']);
  });

  it('leave the size of a partial one alone, and do not compare with partial ones', () => {
    expect(codes({ state: 'partial', entries: 10 })).toEqual([]);
    expect(codes({ entries: 10 }, [...nights(2), ...nights(5, { state: 'partial' })])).toEqual([]);
  });

  it('compare with the last seven only, and with at least three', () => {
    expect(codes({}, [...nights(20, { entries: 90_000 }), ...nights(7)])).toEqual([]);
    expect(codes({ entries: 1 }, nights(2))).toEqual([]);
    expect(codes({ entries: 1 }, nights(3))).toEqual(['shrunk']);
  });

  it('name more than ten times the usual change', () => {
    expect(codes({ changes: 500 })).toEqual([]);
    expect(codes({ changes: 501 })).toEqual(['unusual-change']);
  });

  it('never take a handful of changes for unusual, nor a full, which compares nothing', () => {
    const quiet = nights(7, { changes: 0 });
    expect(codes({ changes: 499 }, quiet)).toEqual([]);
    expect(codes({ changes: 500 }, quiet)).toEqual(['unusual-change']);
    expect(codes({ changes: null }, quiet)).toEqual([]);
    expect(codes({ changes: 9999 }, nights(7, { changes: null }))).toEqual([]);
  });

  it('name content that no longer compresses', () => {
    expect(codes({ ratio: 1.18 })).toEqual([]);
    expect(codes({ ratio: 1.17 })).toEqual(['ratio-collapse']);
    expect(codes({ ratio: 0.99 })).toEqual(['ratio-collapse']);
  });

  it('do not judge by little new content, nor where it never compressed', () => {
    expect(codes({ ratio: 1, newBytes: 9_999_999 })).toEqual([]);
    expect(codes({ ratio: 1 }, nights(7, { ratio: 1.24 }))).toEqual([]);
    expect(codes({ ratio: null })).toEqual([]);
  });
});

describe('the newest good one', () => {
  const listed = (all: readonly (Measures | null)[]) =>
    all.map((measures, i) => ({
      ...{ name: `s${i}`, state: 'complete' as const, measures },
      ...{ committedMs: i * 10, pinnedMs: null },
    }));
  const plain = [...nights(4), { ...usual, entries: 10 }];

  it('looks damaged where it is much smaller than those before it', () => {
    expect(newestIsShrunk(listed(plain))).toContain('s4: it has 10 entries');
  });

  it('is compared with a single one, though no backup raises an alarm that early', () => {
    for (const before of [nights(1), nights(2)]) {
      const name = `s${before.length}`;
      expect(newestIsShrunk(listed([...before, { ...usual, entries: 10 }]))).toContain(`${name}: it has 10`);
      expect(codes({ entries: 10 }, before)).toEqual([]);
    }
    expect(newestIsShrunk(listed(nights(1, { entries: 10 })))).toBeNull();
  });

  it('is believed once a good one that it is compared with is pinned after it, no small nor old one', () => {
    const pinned = (at: number, all: readonly Measures[], pinnedMs = all.length * 10) =>
      newestIsShrunk(listed(all).map((one, i) => (i === at ? { ...one, pinnedMs } : one)));

    expect(pinned(3, plain)).toBeNull();
    expect(pinned(3, plain, 40)).not.toBeNull();
    expect(pinned(4, plain)).not.toBeNull();
    expect(pinned(4, [...nights(4), { ...usual, entries: 10 }, { ...usual, entries: 10 }])).not.toBeNull();
    expect(pinned(0, [...nights(7), ...plain])).not.toBeNull();
  });

  it('is believed after the next ones as well, unless they are much smaller still', () => {
    const small = { ...usual, entries: 1000 };
    const answered = (...after: readonly Measures[]) =>
      newestIsShrunk(
        listed([...nights(7), ...after]).map((one, i) => (i === 6 ? { ...one, pinnedMs: 75 } : one)),
      );

    expect(answered(small)).toBeNull();
    expect(answered(small, small, small)).toBeNull();
    expect(answered(small, { ...small, entries: 10 })).toContain('s8: it has 10 entries');
    expect(answered(usual, small)).toContain('s8: it has 1000 entries');
  });

  it('is not judged by an older one where it is locked', () => {
    expect(newestIsShrunk(listed([...plain, null]))).toBeNull();
  });
});
