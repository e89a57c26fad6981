/** Diff of two real snapshots between which a tree was changed in every way there is. */

import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../../../src/core/contracts/store.ts';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { diff } from '../../../../src/core/jobs/diff/diff.ts';
import type { Difference, DiffOutcome, DiffRequest } from '../../../../src/core/jobs/diff/types.ts';
import { type Lab, openLab } from '../../../support/backup.ts';

let directory: string;
let tree: string;
let lab: Lab;
let before: Snapshot;
let after: Snapshot;
const signal = new AbortController().signal;
const at = (path: string): string => join(tree, path);
const text = (path: string, content: string): void => writeFileSync(at(path), content);

/** Everything gets this time, so that only what is meant to differ does. */
const still = (path: string): void => utimesSync(at(path), 1_000_000, 1_000_000);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-diff-'));
  tree = join(directory, 'tree');
  mkdirSync(at('dir/deep'), { recursive: true });
  mkdirSync(at('moved-dir'));
  for (const name of ['same', 'edited', 'mode', 'owner', 'touched', 'gone', 'old-name', 'acl', 'attribute'])
    text(name, `${name}\n`);
  text('copied-away', 'found by its content\n');
  text('twin-1', 'ambiguous\n');
  text('becomes-dir', 'x');
  text('moved-dir/inside', 'moves along\n');
  text('dir/deep/one', '1');
  text('same-size', 'aaaa');
  symlinkSync('same', at('link'));
  text('linked', 'three names\n');
  linkSync(at('linked'), at('linked-2'));
  linkSync(at('linked'), at('dir/linked-3'));
  text('Ünïcode \n name', 'odd');
  for (let i = 0; i < 3000; i++) text(`dir/deep/many-${i}`, '');
  execFileSync('find', [tree, '-exec', 'touch', '-h', '-d', '@1000000', '{}', '+']);
  lab = await openLab(directory);
  before = (await lab.backUp({ files: tree })).snapshot;

  appendFileSync(at('edited'), 'more');
  chmodSync(at('mode'), 0o4711);
  chownSync(at('owner'), 1234, 5678);
  utimesSync(at('touched'), 2_000_000, 2_000_000);
  execFileSync('setfacl', ['-m', 'u:1234:r', at('acl')]);
  execFileSync('setfattr', ['-n', 'user.note', '-v', 'x', at('attribute')]);
  unlinkSync(at('gone'));
  renameSync(at('old-name'), at('new-name'));
  chmodSync(at('new-name'), 0o600);
  renameSync(at('moved-dir'), at('dir/moved-here'));
  // The old one stays for a moment, so that the copy has another inode.
  cpSync(at('copied-away'), at('dir/copied-here'), { preserveTimestamps: true });
  unlinkSync(at('copied-away'));
  cpSync(at('twin-1'), at('twin-2'));
  cpSync(at('twin-1'), at('twin-3'));
  unlinkSync(at('twin-1'));
  unlinkSync(at('becomes-dir'));
  mkdirSync(at('becomes-dir'));
  text('same-size', 'bbbb');
  still('same-size');
  unlinkSync(at('link'));
  symlinkSync('edited', at('link'));
  lutimesSync(at('link'), 1_000_000, 1_000_000);
  appendFileSync(at('linked-2'), 'more');
  still('linked-2');
  renameSync(at('dir/linked-3'), at('linked-4'));
  text('fresh', 'fresh');
  for (const path of ['', 'dir', 'becomes-dir', 'edited']) still(path);
  after = (await lab.backUp({ files: tree })).snapshot;
});

afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true });
});

async function differences(
  more: Partial<DiffRequest> = {},
): Promise<{ all: Difference[]; outcome: DiffOutcome }> {
  const all: Difference[] = [];
  const going = diff({ provider: lab.provider, before, after, signal, ...more });
  for (;;) {
    const step = await going.next();
    if (step.done === true) return { all, outcome: step.value };
    all.push(step.value);
  }
}

const line = ({ change, path, from, aspects }: Difference): string => {
  const sign = { added: '+', removed: '-', changed: 'M', renamed: 'R' }[change];
  const names = from === null ? `${path}` : `${from} -> ${path}`;
  return `${sign} ${names}${aspects.length === 0 ? '' : ` (${aspects.join(', ')})`}`;
};

describe('diff', () => {
  it('names what was added, removed, changed and renamed, in path order', async () => {
    const { all, outcome } = await differences();

    expect(all.map(line)).toEqual([
      'M files/acl (acl)',
      'M files/attribute (xattrs)',
      'M files/becomes-dir (type, mode)',
      'R files/copied-away -> files/dir/copied-here',
      '- files/dir/linked-3',
      'R files/moved-dir -> files/dir/moved-here',
      'R files/moved-dir/inside -> files/dir/moved-here/inside',
      'M files/edited (content)',
      '+ files/fresh',
      '- files/gone',
      'M files/link (target)',
      'M files/linked (content)',
      'M files/linked-2 (content)',
      // Its content differs as well, since all names are one file.
      '+ files/linked-4',
      'M files/mode (mode)',
      'R files/old-name -> files/new-name (mode)',
      'M files/owner (owner, group)',
      'M files/same-size (content)',
      'M files/touched (mtime)',
      '- files/twin-1',
      '+ files/twin-2',
      '+ files/twin-3',
    ]);
    expect(outcome).toEqual({
      counts: { added: 4, removed: 3, changed: 11, renamed: 4 },
      renamesGivenUp: false,
      failed: [],
    });
    expect(all.find(({ path }) => `${path}` === 'files/edited')).toMatchObject({
      sizeBefore: 7,
      sizeAfter: 11,
    });
  });

  it('is the same backwards', async () => {
    const { all } = await differences({ before: after, after: before });
    const { counts } = (await differences({ before: after, after: before })).outcome;

    expect(counts).toEqual({ added: 3, removed: 4, changed: 11, renamed: 4 });
    expect(all.map(line)).toContain('R files/new-name -> files/old-name (mode)');
  });

  it('finds nothing between a snapshot and itself, or a restored copy of the tree', async () => {
    expect((await differences({ before: after })).all).toEqual([]);
    await lab.restore(join(directory, 'back'));
    const { snapshot } = await lab.backUp({ files: join(directory, 'back/files') });

    expect((await differences({ before: after, after: snapshot })).all).toEqual([]);
  });

  it('gives renames up where there are too many differences, and loses none', async () => {
    const { all, outcome } = await differences({ heldBack: 4 });

    expect(outcome).toMatchObject({
      renamesGivenUp: true,
      counts: { added: 8, removed: 7, changed: 11, renamed: 0 },
    });
    expect(all.map(line)).toContain('- files/old-name');
    expect(all.map(line)).toContain('+ files/new-name');
  });

  it('does not fetch pages that both have', async () => {
    const fetched: string[] = [];
    const get: Store['get'] = (request) => {
      fetched.push(request.key);
      return lab.provider.get(request);
    };
    const { all } = await differences({
      before: after,
      provider: { ...lab.provider, get, put: lab.provider.put, plan: lab.provider.plan },
    });

    expect(all).toEqual([]);
    // The two roots.
    expect(fetched).toHaveLength(2);
  });

  it('compares exports by their hashes', async () => {
    const base = {
      type: 'database' as const,
      instance: 'm',
      engine: 'mysql',
      format: 'sql' as const,
      state: 'complete' as const,
      instant: null,
      consistency: null,
      lockHeldMs: 0,
      object: 1,
      plainBytes: 5,
      besides: [],
    };
    const database = (name: string, sha256: string, more = {}) => ({
      ...base,
      name: `m/${name}`,
      databases: [name],
      sha256,
      ...more,
    });
    const beside = { suffix: 'grants.sql', object: 2, plainBytes: 1, sha256: 'g' };
    const withThem = (snapshot: Snapshot, components: Snapshot['body']['components']): Snapshot => ({
      ...snapshot,
      body: { ...snapshot.body, components },
    });
    const failed = database('broken', 'x', { state: 'failed', sha256: null });
    const { all, outcome } = await differences({
      before: withThem(after, [
        database('same', '1'),
        database('shop', '1'),
        database('old', '1'),
        database('users', '1'),
        failed,
      ]),
      after: withThem(after, [
        database('same', '1'),
        database('shop', '2'),
        database('new', '1'),
        database('users', '1', { besides: [beside] }),
        database('broken', '1'),
      ]),
    });

    expect(all.map(line)).toEqual([
      '+ databases/m/new.sql',
      '- databases/m/old.sql',
      'M databases/m/shop.sql (content)',
      'M databases/m/users.sql (besides)',
    ]);
    expect(outcome.failed).toEqual([{ component: 'database m/broken', snapshot: after.name }]);
  });
});

it('what a tree that failed lacks counts neither as removed nor, one snapshot later, as added', async () => {
  const [there, away] = [join(directory, 'second'), join(directory, 'second-away')];
  mkdirSync(there);
  writeFileSync(join(there, 'a'), 'a');
  const backUp = async () => (await lab.backUp({ files: tree, second: there })).snapshot;
  const whole = await backUp();
  renameSync(there, away);
  const failed = await backUp();
  renameSync(away, there);
  text('later', 'later\n');
  const again = await backUp();

  const [gone, back] = [
    await differences({ before: whole, after: failed }),
    await differences({ before: failed, after: again }),
  ];

  expect(gone.all.map(line)).toEqual([]);
  expect(back.all.map(line)).toEqual(['M files (mtime)', '+ files/later']);
  expect([gone, back].map(({ outcome }) => outcome.failed)).toEqual(
    Array(2).fill([{ component: 'tree second', snapshot: failed.name }]),
  );
});

it('the trees were what the test thinks', () => {
  expect(readFileSync(at('linked'), 'utf8')).toBe('three names\nmore');
});
