import { expect, it } from 'vitest';
import { exitStatusOfPlan, treeLine } from '../../src/cli/backup-plan.ts';
import { errorCodes } from '../../src/core/errors.ts';

const error = { code: 'CONFIG_INVALID', message: 'no', hint: null };
const tree = { name: 'files', path: '/a', include: [], exclude: [], error: null };
const database = { instance: 'm', name: 'shop', matchedBy: null, estimatedBytes: null, error: null };
const well = { error: null, trees: [tree], databases: [database] };
const partial = { ...well, databases: [{ ...database, error }] };

it.each([
  ['nothing is in the way', [well], 0],
  ['a server cannot be asked', [well, partial], errorCodes.SNAPSHOT_PARTIAL.exit],
  [
    'every tree would be refused',
    [partial, { ...well, trees: [{ ...tree, error }], databases: [] }],
    errorCodes.RUN_FAILED.exit,
  ],
  ['the level cannot be written', [partial, { ...well, error }], errorCodes.CONFIG_INVALID.exit],
])('a dry run has the status of a run where %s', (_, accounts, status) => {
  expect(exitStatusOfPlan(accounts)).toBe(status);
});

it('a dry run says of a tree what of it is captured', () => {
  expect(treeLine(tree)).toBe('tree files  /a');
  expect(treeLine({ ...tree, path: '/', include: ['etc', 'root'], exclude: ['etc/ssl'] })).toBe(
    'tree files  /  only etc, root  without etc/ssl',
  );
});
