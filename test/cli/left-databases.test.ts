/** What a restore in place says of the databases that it leaves. */

import { expect, it } from 'vitest';
import { leftDatabases, noteLeftDatabases } from '../../src/cli/left-databases.ts';
import { memoryStore } from '../../src/core/conformance/memory-store.ts';
import { ownerUuid, putSnapshot } from '../support/synthetic-snapshots.ts';

it('a restore in place gives the command for each database that can be restored', async () => {
  const made = {
    owner: ownerUuid(1),
    sequence: 1,
    atMs: 0,
    databases: { shop: true, "o'd": true, bad: false },
  };
  const { manifest } = await putSnapshot(memoryStore(), made);
  const notes: string[] = [];
  const output = { note: (text: string) => void notes.push(text) };
  const databases = leftDatabases(manifest);
  const snapshot = { name: 'site1-20261121T031500Z-0123456789ab' };
  noteLeftDatabases(output, snapshot, databases, 'nightly/second', ' --identity /k');

  expect(databases).toEqual(['mariadb/shop', "mariadb/o'd"]);
  const restore = `  holdfast restore ${snapshot.name} --addin nightly --copy second --in-place --database`;
  expect(notes).toEqual([
    'note: without --database the databases stay as they are; to bring them back as well:',
    `${restore} mariadb/shop --identity /k`,
    `${restore} 'mariadb/o'\\''d' --identity /k`,
  ]);
});
