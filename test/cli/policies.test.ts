/** Rules for plans and accounts, through the command line: whom they are for when the panel cannot say, or the account is gone. */

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountsDocument } from '../../src/cli/documents/accounts.ts';
import type { PruneDocument } from '../../src/cli/documents/prune.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
let virtual: string;
const configure = (more: Readonly<Record<string, unknown>> = {}): void =>
  writeJson(join(site.config, 'config.json'), {
    panel: { use: 'apiscp', root: join(site.dir, 'root') },
    isolation: 'off',
    policy: [{ plan: 'gold', retention: { keepLast: 10 }, exclude: ['shadow/cache'] }],
    ...more,
  });

beforeAll(async () => {
  site = makeSite({}, makeDirectory());
  virtual = join(site.dir, 'root/home/virtual');
  for (const number of [1, 2]) {
    const home = join(virtual, `site${number}`);
    mkdirSync(join(home, 'shadow'), { recursive: true });
    mkdirSync(join(home, 'info/current'), { recursive: true });
    const text = `[DEFAULT]\nplan = gold\ndomain = example-${number}.test\nadmin_user = a${number}\n`;
    writeFileSync(join(home, 'info/current/siteinfo'), text);
  }
  configure();
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 's3-tar' },
    store: { use: 'local', path: site.store },
    accounts: { include: ['*.test'] },
    retention: { keepLast: 1, maxRemoveShare: 1 },
    encryption: 'none',
  });
  for (const _ of [1, 2]) expect((await site.holdfast('backup')).status).toBeLessThan(128);
});
afterAll(() => site.remove());

const pruned = async (): Promise<PruneDocument> =>
  documentOf<PruneDocument>('prune', await site.holdfast('prune', '--json'));

const removedOf = ({ snapshots }: PruneDocument): string[] =>
  snapshots.filter(({ action }) => action === 'remove').map(({ account }) => account);

describe('an account whose description is damaged', () => {
  const current = (): string => join(virtual, 'site1/info/current');

  it('keeps its retention, its exclusions and its place in the configuration', async () => {
    renameSync(current(), `${current()}.away`);
    const accounts = await site.holdfast('accounts', '--policy', '--json');
    const document = await pruned();
    renameSync(`${current()}.away`, current());
    const [first] = documentOf<AccountsDocument>('accounts', accounts).accounts;

    expect(first).toMatchObject({ site: 'site1', domain: 'example-1.test', plan: 'gold' });
    expect(first?.problem).toContain('as they were last seen');
    expect(first?.policy?.exclude.value).toEqual(['shadow/cache']);
    expect([document.exitStatus, removedOf(document)]).toEqual([0, []]);
  });

  it('keeps its retention where the state is lost as well', async () => {
    const records = join(site.state, 'accounts.json');
    renameSync(records, `${records}.away`);
    renameSync(current(), `${current()}.away`);
    const document = await pruned();
    renameSync(`${current()}.away`, current());
    renameSync(`${records}.away`, records);

    expect([document.exitStatus, removedOf(document)]).toEqual([0, []]);
    expect(document.snapshots.map(({ account }) => account)).toContain('site1');
  });
});

describe('an account that is gone from the panel', () => {
  it('keeps its retention, by the plan it had', async () => {
    rmSync(join(virtual, 'site2'), { recursive: true, force: true });
    const after = await pruned();
    configure({ policy: [] });
    const unruled = await pruned();
    configure();

    expect([after.exitStatus, removedOf(after)]).toEqual([0, []]);
    expect(removedOf(unruled).sort()).toEqual(['site1', 'site2']); // in the order of their UUIDs
    expect(after.snapshots).toHaveLength(4);
  });
});
