import { expect, it } from 'vitest';
import { noProgress, outletOf, reportOf } from '../../../../src/core/jobs/restore/progress.ts';

it('paths in failures and warnings are spelled as ls does, so that they can be given to a restore', () => {
  const progress = noProgress();
  const outlet = outletOf(progress, () => {});
  for (const path of ['home/grüße & co.txt', 'home/100%']) {
    outlet.failed(Buffer.from(path), 'is damaged');
    outlet.warn('mode-refused', Buffer.from(path), 'EPERM');
  }

  const { failures, warnings } = reportOf(progress, []);
  expect(failures.map(({ path }) => path)).toEqual(['home/grüße & co.txt', 'home/100%25']);
  expect(warnings.map(({ path, pathEncoding }) => [path, pathEncoding])).toEqual([
    ['home/grüße & co.txt', undefined],
    ['home/100%25', 'percent'],
  ]);
});
