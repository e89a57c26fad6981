/** Which snapshots have every name that was there, so that unchanged directories need not be listed. */

import { expect, it } from 'vitest';
import { holdfastVersion } from '../../../../src/core/jobs/addin.ts';
import { knowsNames } from '../../../../src/core/jobs/backup/known-names.ts';

const tree = { name: 'shadow', exclude: ['cache/*'] };
const header = { revision: 0, writtenBy: holdfastVersion };
const body = {
  exclusions: { shadow: ['cache/*'] },
  inclusions: {},
  warningCounts: { changed: 3, vanished: 2 },
};
const knows = (more: { header?: object; body?: object; tree?: object } = {}): boolean =>
  knowsNames(
    { header: { ...header, ...more.header }, body: { ...body, ...more.body } },
    { ...tree, ...more.tree },
  );

it('knows the names where nothing was left out but by the patterns in force', () => {
  expect(knows()).toBe(true);
});

it.each([
  ['was revised', { header: { revision: 1 } }],
  ['was written by another release', { header: { writtenBy: '0.0.1' } }],
  ['could not read an entry', { body: { warningCounts: { unreadable: 1 } } }],
  ['met a mount', { body: { warningCounts: { 'other-file-system': 1 } } }],
  ['met what kept changing', { body: { warningCounts: { unstable: 1 } } }],
  ['left out more than is left out now', { tree: { exclude: [] } }],
  ['left out less', { body: { exclusions: { shadow: [] } } }],
  ['did not have the tree', { body: { exclusions: {} } }],
  ['took only some names', { body: { inclusions: { shadow: ['etc'] } } }],
  ['does not say whether it did', { body: { inclusions: undefined } }],
  ['is compared with some names', { tree: { include: ['etc'] } }],
])('does not where the snapshot %s', (_, more) => {
  expect(knows(more)).toBe(false);
});
