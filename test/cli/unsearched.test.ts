import { expect, it } from 'vitest';
import { unsearchedLines } from '../../src/cli/commands/find.ts';
import { HoldfastError } from '../../src/core/errors.ts';

it('snapshots that nothing opens are counted, and damaged ones are named', () => {
  const locked = ['a', 'b', 'c'].map((one) => new HoldfastError('IDENTITY_MISSING', `${one} is encrypted`));
  const damaged = new HoldfastError('OBJECT_DAMAGED', 'd is damaged');

  expect(unsearchedLines([locked[0]!, damaged, ...locked.slice(1)])).toEqual([
    'd is damaged',
    'a is encrypted',
    'and 2 more snapshots locked like that',
  ]);
});
