import { expect, it } from 'vitest';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import type { IndexReader } from '../../../../src/core/jobs/index-reader.ts';
import { pathsWanted } from '../../../../src/core/jobs/restore/paths-wanted.ts';

it('of a path that is not there it is said that it may be lost, where some are', async () => {
  const reader = { root: { trees: [{ name: 'files' }] }, lookup: async () => null } as unknown as IndexReader;
  const hintIn = async (more: object): Promise<string> => {
    const snapshot = { name: 'anna-1', body: { exclusions: {}, ...more } } as unknown as Snapshot;
    const wanted = { snapshot, paths: [Buffer.from('files/d3')], everything: false };
    return pathsWanted(reader, wanted).then(String, ({ hint }: { hint: string }) => hint);
  };

  expect(await hintIn({})).toMatch(/^Begin paths with the tree/);
  expect(await hintIn({ exclusions: { files: ['d*'] } })).toContain('without that exclusion');
  expect(await hintIn({ lost: { count: 9, paths: [] } })).toMatch(/^Paths of this snapshot are lost.* Begin/);
});
