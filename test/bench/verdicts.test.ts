/** What the benchmark concludes from samples, without measuring anything. */

import { describe, expect, it } from 'vitest';
import type { Measurement } from '../../bench/duel.ts';
import type { Sample } from '../../bench/measure.ts';
import { measure } from '../../bench/measure.ts';
import { parseOptions } from '../../bench/options.ts';
import { measurementTable } from '../../bench/report.ts';
import { rangeOf, ratioOf } from '../../bench/statistics.ts';
import { verdictsOn } from '../../bench/verdicts.ts';

const sample = (wallSeconds: number, peakBytes = 1e6): Sample => ({
  wallSeconds,
  commandSeconds: wallSeconds,
  cpuSeconds: wallSeconds,
  peakBytes,
});
const samples = (...walls: number[]): Sample[] => walls.map((wall) => sample(wall));
const equal = { entries: 10, differences: 0 };
const backup = (ours: Sample[], theirs: Sample[]): Measurement => ({
  name: 'backup',
  ours,
  duels: [{ peer: 'restic', ours, theirs }],
});

describe('rangeOf', () => {
  it('takes the middle value, or the mean of the middle two', () => {
    expect(rangeOf([9, 1, 2])).toEqual({ min: 1, median: 2, max: 9 });
    expect(rangeOf([4, 1, 2, 9]).median).toBe(3);
  });
});

describe('ratioOf', () => {
  it('compares within pairs, so that a slow minute does not count', () => {
    expect(ratioOf([1, 10, 1], [2, 20, 2]).median).toBe(0.5);
  });
});

describe('verdictsOn', () => {
  it('passes a ratio that equals its target, and misses one above', () => {
    const passing = verdictsOn([backup(samples(6), samples(10))], equal);
    expect(passing[0]).toEqual({
      target: 'backup: at most 0.6 of restic',
      measured: '0.60',
      pass: true,
    });
    expect(verdictsOn([backup(samples(7), samples(10))], equal)[0]?.pass).toBe(false);
  });

  it('holds an encrypted backup against the target of its own', () => {
    const encrypted = { ...backup(samples(64), samples(100)), name: 'encrypted' as const };
    expect(verdictsOn([encrypted], equal)[0]).toMatchObject({ measured: '0.64', pass: true });
    expect(measurementTable(encrypted, { 'holdfast-encrypted': 5e6, restic: 6e6 })).toContain(
      '| holdfast-encrypted, beside restic |',
    );
  });

  it('judges the worst peak of all runs', () => {
    const hungry = backup([sample(1, 1e6), sample(1, 400e6)], samples(10, 10));
    expect(verdictsOn([hungry], equal)).toContainEqual(
      expect.objectContaining({ measured: '400 MB', pass: false }),
    );
  });

  it('fails a restore that is fast and wrong, and one that compared nothing', () => {
    const last = (fidelity: typeof equal) => verdictsOn([backup(samples(1), samples(10))], fidelity).at(-1);
    expect(last(equal)?.pass).toBe(true);
    expect(last({ entries: 10, differences: 1 })?.pass).toBe(false);
    expect(last({ entries: 0, differences: 0 })?.pass).toBe(false);
  });
});

describe('measurementTable', () => {
  it('has a row for us beside each peer, and a row for the peer', () => {
    const table = measurementTable(backup(samples(1), samples(4)), { holdfast: 5e6, restic: 6e6 });
    expect(table).toContain(
      '| holdfast, beside restic | 1.000 (1.000–1.000) | 1.000 | 1.000 | 1 | 5 | **0.25**',
    );
    expect(table).toContain('| restic | 4.00 (4.00–4.00) | 4.00 | 4.00 | 1 | 6 |');
  });
});

describe('parseOptions', () => {
  it('keeps the order of peers and refuses names it does not know', () => {
    expect(parseOptions(['--peers', 'borg,restic'])?.peers).toEqual(['restic', 'borg']);
    expect(() => parseOptions(['--peers', 'rsync'])).toThrow(TypeError);
    expect(() => parseOptions(['--pairs', '0'])).toThrow(TypeError);
  });
});

describe('measure', () => {
  it('counts the processor time and the memory of a whole pipe', () => {
    const python = (text: string): string[] => ['python3', '-S', '-c', text];
    const { cpuSeconds, peakBytes, commandSeconds } = measure(
      [{ stages: [python('print(len(bytearray(b"1") * 80_000_000))'), ['cat']] }],
      { sync: false },
    );
    expect(peakBytes).toBeGreaterThan(80_000_000);
    expect(cpuSeconds).toBeGreaterThan(0);
    expect(commandSeconds).toBeGreaterThan(0);
  });

  it('throws where a stage fails, even if it is not the last', () => {
    expect(() => measure([{ stages: [['false'], ['cat']] }], { sync: false })).toThrow(/failed/);
  });
});
