import { expect, it } from 'vitest';
import type { Entry } from '../../../../src/core/archive/entry.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import { Failures } from '../../../../src/core/jobs/restore-in-place/failures.ts';
import type { LiveTree } from '../../../../src/core/jobs/restore-in-place/live-tree.ts';
import { directoryInTheWay } from '../../../../src/core/jobs/restore-in-place/obstacles.ts';

it('what stands in the way of a path is told from what the store has lost', () => {
  const told: [string, boolean | undefined][] = [];
  const failed = (_: Buffer, message: string, lost?: boolean): void => void told.push([message, lost]);
  const failures = new Failures(() => ({}) as LiveTree, { failed, failedBelow: () => {} });
  const entry = { path: Buffer.from('files/a'), mode: 0o100644 } as Entry;
  failures.add(entry, directoryInTheWay());
  failures.add(entry, new HoldfastError('OBJECT_DAMAGED', 'its content is gone'));

  expect(told).toEqual([
    [expect.stringContaining('add --delete'), false],
    ['its content is gone', true],
  ]);
});
