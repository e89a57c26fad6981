import { expect, it } from 'vitest';
import { expectedWork } from '../../../../src/core/jobs/capture/expected-work.ts';
import type { ParentRow } from '../../../../src/core/jobs/capture/parent-pages.ts';

const rows = (counts: readonly number[]): ParentRow[] =>
  counts.map((count) => ({
    file: 0,
    offset: 0,
    length: 0,
    plainBytes: 0,
    count,
    digest: Buffer.alloc(32),
    first: '',
  }));

it.each([
  ['everything where there is no parent', null, 'everything'],
  ['little where the parent has little', { rows: rows([2000, 3000]) }, 'little'],
  ['much where a walk alone takes long', { rows: rows(Array(100).fill(1500)) }, 'much'],
] as const)('is %s', (_, parent, work) => {
  expect(expectedWork(parent)).toBe(work);
});
