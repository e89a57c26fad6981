/** prune, pin, unpin and diff through the command line. */

import { mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DifferenceDocument } from '../../src/cli/documents/difference.ts';
import type { PinDocument, PruneDocument, UnpinDocument } from '../../src/cli/documents/prune.ts';
import type { SnapshotsDocument } from '../../src/cli/documents/snapshots.ts';
import { countGoing } from '../../src/cli/prune-report.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, documentOf, linesOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
let home: string;
let ids: string[];

beforeAll(async () => {
  const dir = makeDirectory();
  home = join(dir, 'home/anna');
  mkdirSync(home, { recursive: true });
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 's3-tar' },
    store: { use: 'local', path: site.store },
    retention: { keepLast: 1 },
    encryption: 'none',
  });
  for (const name of ['one', 'two', 'three']) {
    writeFileSync(join(home, 'page\u001b.html'), name);
    if (name === 'two') renameSync(join(home, 'only-one'), join(home, 'renamed'));
    else writeFileSync(join(home, `only-${name}`), `only ${name}`);
    expect((await site.holdfast('backup')).status).toBe(0);
  }
  const listed = documentOf<SnapshotsDocument>('snapshots', await site.holdfast('snapshots', '--json'));
  ids = listed.snapshots.map(({ id }) => id);
});
afterAll(() => site.remove());

describe('diff', () => {
  it('shows one line for each path', async () => {
    const result = await site.holdfast('diff', ids[0]!, 'latest', '--account', 'anna');

    expect(result.status).toBe(0);
    expect(result.stdout.split('\n')).toEqual([
      'M files (mtime)',
      '+ files/only-three',
      'M files/page%1B.html (content, mtime)',
      'R files/only-one -> files/renamed',
      '1 added, 0 removed, 2 changed, 1 renamed',
      '',
    ]);
  });

  it('prints JSON Lines', async () => {
    const result = await site.holdfast('diff', ids[0]!, ids[2]!, '--json');
    const lines = linesOf<DifferenceDocument>('difference', result);

    expect(lines[2]).toMatchObject({
      path: 'files/page%1B.html',
      pathEncoding: 'percent',
      aspects: ['content', 'mtime'],
    });
    expect(lines[3]).toEqual({
      change: 'renamed',
      path: 'files/renamed',
      from: 'files/only-one',
      pathEncoding: null,
      type: 'file',
      aspects: [],
      sizeBefore: 8,
      sizeAfter: 8,
    });
  });
});

describe('prune', () => {
  it('shows what would go, and why; a pin keeps it', async () => {
    const pinned = await site.holdfast(
      'pin',
      ids[0]!,
      '--reason',
      'before the \u001b move',
      '--until',
      '2999-12-31',
      '--json',
    );
    expect(documentOf<PinDocument>('pin', pinned)).toMatchObject({
      snapshot: ids[0],
      until: '3000-01-01T00:00:00.000Z',
    });
    const result = await site.holdfast('prune');
    const listed = await site.holdfast('snapshots', '--protected', '--json');
    const table = (await site.holdfast('snapshots')).stdout;
    const { snapshots, untrustedEvents } = documentOf<SnapshotsDocument>('snapshots', listed);

    const until = '3000-01-01T00:00:00.000Z';
    expect(snapshots).toMatchObject([
      {
        id: ids[0],
        protections: [{ kind: 'pin', wholeAccount: false, reason: 'before the \u001b move', until }],
      },
    ]);
    expect([snapshots.length, untrustedEvents]).toEqual([1, 0]);
    expect(table.match(/ {2}(pinned .*|-)$/gm)).toEqual([
      `  pinned until ${until}: before the \\u{1b} move`,
      '  -',
      '  -',
    ]);
    expect(result.status).toBe(0);
    expect(result.stdout).toContain(`${ids[0]}  keep    pinned until 3000-01-01T00:00:00.000Z: before the `);
    expect(result.stdout).toContain(`${ids[1]}  remove  no rule keeps it`);
    expect(result.stdout).toMatch(
      /^1 snapshot and 0 objects of 0 B would go; 2 of 3 snapshots stay; 2 objects younger than a day wait; nothing was changed$/m,
    );
    expect(result.stdout).toContain(
      'clocks of this machine and of the store were not compared: --apply does',
    );
  });

  it('removes it with --apply', async () => {
    for (const entry of readdirSync(site.store, { withFileTypes: true, recursive: true })) {
      if (entry.isFile()) utimesSync(join(entry.parentPath, entry.name), 1e9, 1e9);
    }
    const unpinned = await site.holdfast('unpin', ids[0]!, '--json');
    expect(documentOf<UnpinDocument>('unpin', unpinned)).toMatchObject({ kind: 'pin', ended: 1 });
    const shown = documentOf<PruneDocument>('prune', await site.holdfast('prune', '--json'));
    const result = await site.holdfast('prune', '--apply', '--account', 'anna', '--json');
    const done = documentOf<PruneDocument>('prune', result);

    expect(result.status).toBe(0);
    expect(done.snapshots.map(({ action, removed }) => [action, removed])).toEqual([
      ['remove', true],
      ['remove', true],
      ['keep', false],
    ]);
    expect(done.objects).toEqual(shown.objects);
    expect(done.removed.count).toBe(2 + shown.objects.count);
    expect((await site.holdfast('verify', '--read-data')).status).toBe(0);
  });

  it('counts what it was refused to remove as staying', () => {
    const of = (keep: boolean, removed: boolean) => ({ keep, removed });
    const snapshots = [of(false, true), of(false, false), of(true, false)] as never[];

    expect([countGoing(snapshots, false), countGoing(snapshots, true)]).toEqual([2, 1]);
  });

  it('refuses what is no store of this server', async () => {
    rmSync(join(site.store, 'holdfast.json'));
    const result = await site.holdfast('prune', '--apply');

    expect(result.status).toBe(errorCodes.STORE_FOREIGN.exit);
  });
});

describe('a legal hold', () => {
  it('has no end, and for a whole account needs its name', async () => {
    const ended = await site.holdfast(
      'pin',
      ids[2]!,
      '--legal-hold',
      '--reason',
      'case 7',
      '--until',
      '2999-01-01',
    );
    const all = await site.holdfast('pin', 'all', '--legal-hold', '--reason', 'case 7');
    const set = await site.holdfast('pin', 'all', '--account', 'anna', '--legal-hold', '--reason', 'case 7');

    expect([ended.status, all.status, set.status]).toEqual([2, 2, 0]);
    const { stdout } = await site.holdfast('snapshots');
    expect(stdout).toMatch(/^ID .* PROTECTED$/m);
    expect(stdout.match(/^anna-.* legal hold on all of the account: case 7$/gm)).toHaveLength(1);
    expect((await site.holdfast('unpin', 'all', '--account', 'anna', '--legal-hold')).stdout).toBe(
      'all of anna: 2 legal holds ended\n',
    );
  });
});
