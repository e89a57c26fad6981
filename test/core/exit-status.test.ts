import { describe, expect, it } from 'vitest';
import { statusWithLater, worseStatus } from '../../src/core/exit-status.ts';

describe('the worse of two exit statuses', () => {
  it.each([
    [0, 0, 0],
    [0, 100, 100],
    [100, 26, 26],
    [26, 25, 26],
    [130, 26, 130],
    [100, 130, 130],
  ])('of %i and %i is %i', (a, b, worse) => {
    expect([worseStatus(a, b), worseStatus(b, a)]).toEqual([worse, worse]);
  });
});

it.each([
  [0, 65, 65],
  [100, 65, 65],
  [100, 0, 100],
  [26, 65, 26],
  [26, 130, 130],
])('a run that ended with %i, and what came after it with %i, end with %i', (run, later, status) => {
  expect(statusWithLater(run, later)).toBe(status);
});
