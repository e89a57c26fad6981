import { expect, it } from 'vitest';
import { Problems } from '../../../src/core/jobs/verify-problems.ts';

it('names so many paths of all snapshots together, and counts the others', () => {
  const totals = { wrongKey: null, pathsLeft: 2 };
  const messagesOf = (paths: readonly string[]): string[] => {
    const problems = new Problems(totals);
    for (const path of paths) problems.addPath({ component: 'shadow', path, message: 'lost' });
    return problems.found.map(({ problem }) => `${problem.path}: ${problem.message}`);
  };

  expect(messagesOf(['a'])).toEqual(['a: lost']);
  expect(messagesOf(['b', 'c', 'd'])).toEqual(['b: lost', 'null: 2 more paths, too many to be named here']);
});
