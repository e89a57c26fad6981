import { expect, it } from 'vitest';
import { failedLines, wayOut } from '../../src/cli/failed-paths.ts';

const many = Array.from({ length: 13 }, (_, i) => ({ path: `shadow/${i}`, message: 'its content is gone' }));

it('says once what many paths have lost, and shows the first of them', () => {
  const lines = failedLines([...many, { path: 'shadow/other', message: 'cannot be linked' }]);

  expect(lines).toEqual([
    '13 paths: its content is gone',
    ...many.slice(0, 10).map(({ path }) => `  ${path}`),
    '  and 3 more, which --json names',
    'shadow/other: cannot be linked',
  ]);
});

it('shows no path again with what was told before, of another snapshot', () => {
  const told = new Set<string>();
  failedLines(many, told);

  expect(failedLines(many.slice(1), told)).toEqual(['12 paths: its content is gone']);
});

it('names the copies that may have what the store has lost, else who finds out', () => {
  const copies = ['offsite', 'usb'].map((name) => ({ name }));

  expect(wayOut({ copies } as never, '--resume ')).toMatch(/ --resume --copy offsite or --copy usb\.$/);
  expect(wayOut({ copies: [] }, '')).toContain('holdfast verify --read-data');
});
