import { describe, expect, it } from 'vitest';
import { largestPartBytes, nextPartBytes } from '../../../src/addins/s3/part-sizes.ts';

const mebibyte = 1024 ** 2;
const tebibyte = 1024 ** 4;

function partsOf(totalBytes: number, plan: Parameters<typeof nextPartBytes>[0]): number[] {
  const parts: number[] = [];
  for (let sent = 0; sent < totalBytes; ) {
    const part = Math.min(nextPartBytes(plan, sent), totalBytes - sent);
    parts.push(part);
    sent += part;
  }
  return parts;
}

describe('nextPartBytes', () => {
  it.each([5 * mebibyte, 8 * mebibyte, 64 * mebibyte])(
    'never runs out of parts from %d bytes on',
    (partSize) => {
      const parts = partsOf(5 * tebibyte, { partSize, sizeBytes: undefined });

      expect(parts.length).toBeLessThanOrEqual(10_000);
      expect(Math.max(...parts)).toBeLessThanOrEqual(largestPartBytes);
    },
  );

  it('keeps parts equal up to 1250 of them', () => {
    const parts = partsOf(1250 * 8 * mebibyte, { partSize: 8 * mebibyte, sizeBytes: undefined });

    expect(new Set(parts)).toEqual(new Set([8 * mebibyte]));
  });

  it('never shrinks, and grows in proportion to the object', () => {
    const parts = partsOf(100 * 1024 * mebibyte, { partSize: 5 * mebibyte, sizeBytes: undefined }).slice(
      0,
      -1,
    );

    expect(parts).toEqual(parts.toSorted((a, b) => a - b));
    expect(parts.at(-1)).toBeLessThanOrEqual(82 * mebibyte);
  });

  it('makes all parts equal where the size is known', () => {
    const sizeBytes = 2 * tebibyte;
    const parts = partsOf(sizeBytes, { partSize: 8 * mebibyte, sizeBytes }).slice(0, -1);

    expect(new Set(parts).size).toBe(1);
    expect(parts.length).toBeLessThan(10_000);
  });
});
