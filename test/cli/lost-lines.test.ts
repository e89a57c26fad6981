import { expect, it } from 'vitest';
import { lostLines } from '../../src/cli/lost-lines.ts';

it('what is lost is counted by what is shown, and a page stands for all that was on it', () => {
  const page = { from: 'files/d3', before: 'files/d5', count: 990 };
  const paths = ['files/a', 'files/d3'];
  expect(lostLines({ lostPaths: 991, paths, unnamed: 0, pages: [page] })).toEqual([
    'files/a',
    'files/d3 and what follows, before files/d5: 990 paths',
  ]);
  // Of pages that an earlier repair left out, nobody knows where they ended.
  expect(lostLines({ lostPaths: 991, paths, unnamed: 0, pages: [] })).toEqual([...paths, 'and 989 more']);
  expect(lostLines({ lostPaths: 991, paths, unnamed: 900, pages: [] }).slice(2)).toEqual([
    'and 89 more',
    'and 900 whose names nobody knows',
  ]);
  const many = Array.from({ length: 30 }, (_, i) => `files/${i}`);
  expect(lostLines({ lostPaths: 50, paths: many, unnamed: 0, pages: [] }).slice(-2)).toEqual([
    'files/19',
    'and 30 more',
  ]);
});
