import { describe, expect, it } from 'vitest';
import { describeExports, isOfExports } from '../../src/cli/export-view.ts';
import type { Snapshot } from '../../src/core/jobs/catalog.ts';
import type { IndexReader } from '../../src/core/jobs/index-reader.ts';
import { pathsWanted } from '../../src/core/jobs/restore/paths-wanted.ts';

const common = {
  type: 'database',
  state: 'complete',
  instance: 'mariadb',
  format: 'sql',
  plainBytes: 9,
  sha256: 'f0',
};
const besides = [{ suffix: 'grants.sql', object: 2, plainBytes: 3, sha256: 'f1' }];
const components = [
  {
    ...common,
    name: 'mariadb/shop',
    databases: ['shop'],
    instant: '2026-01-01T00:00:01.500Z',
    object: 1,
    besides,
  },
  { ...common, name: 'pg/blog', instance: 'pg', databases: ['blog'], instant: null, object: 3, besides: [] },
  { ...common, name: 'mariadb/lost', databases: ['lost'], state: 'failed', object: null, besides: [] },
];
const snapshot = { name: 'anna-1', body: { components, exclusions: {} } } as unknown as Snapshot;
const paths = (path?: string): string[] => describeExports(snapshot, path).map((one) => one.path);

describe('the exports of a snapshot', () => {
  it('are shown with what lies beside them, all, those of a server, or one', () => {
    const shop = ['databases/mariadb/shop.sql', 'databases/mariadb/shop.grants.sql'];

    expect(paths()).toEqual([...shop, 'databases/pg/blog.sql']);
    expect(paths('databases')).toEqual(paths());
    expect(paths('databases/mariadb')).toEqual(shop);
    expect(paths('databases/pg/blog.sql')).toEqual(['databases/pg/blog.sql']);
    expect(paths('databases/p')).toEqual([]);
    expect(describeExports(snapshot)[0]).toMatchObject({
      size: 9,
      mtimeSeconds: 1767225601,
      mtimeNanoseconds: 5e8,
    });
    expect(['databases', 'databases/x', 'databases2'].map((one) => isOfExports(Buffer.from(one)))).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe('the hint for a path that is not in the snapshot', () => {
  const there = ['files', 'files/dir ü'];
  const lookup = async (path: Buffer) => (there.includes(path.toString()) ? {} : null);
  const reader = { lookup, root: { trees: [{ name: 'files' }] } } as unknown as IndexReader;

  it.each([
    ['databases/mariadb/shop.sql', '--database <instance>/<name>'],
    ['files/bad%FF', '--path-percent'],
    ['dir/a', 'Begin paths with the tree (here files)'],
    ['files/dir ü/no/a', /^See with holdfast ls what is in files\/dir ü\.$/],
  ])('%s names what to give', async (path, hint) => {
    const wanted = { snapshot, paths: [Buffer.from(path)], everything: false };

    await expect(pathsWanted(reader, wanted)).rejects.toMatchObject({
      code: 'PATH_NOT_FOUND',
      hint: typeof hint === 'string' ? expect.stringContaining(hint) : expect.stringMatching(hint),
    });
  });
});
