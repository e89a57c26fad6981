/** compact and repair through the command line. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CompactDocument } from '../../src/cli/documents/compact.ts';
import type { RepairDocument } from '../../src/cli/documents/repair.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
let home: string;
let copy: string;

const filesOf = (kind: string): string[] =>
  readdirSync(join(site.store, kind), { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name))
    .sort();

beforeAll(async () => {
  const dir = makeDirectory();
  home = join(dir, 'home/anna');
  copy = join(dir, 'copy');
  mkdirSync(home, { recursive: true });
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 'chain', cadence: 'forever' },
    store: { use: 'local', path: site.store },
    copies: [{ name: 'offsite', store: { use: 'local', path: copy } }],
    retention: { keepLast: 1 },
    encryption: 'none',
  });
  for (let run = 0; run < 3; run++) {
    for (let i = 0; i < 10; i++)
      if (run === 0 || i > 2) writeFileSync(join(home, `file-${i}`), randomBytes(50_000));
    expect((await site.holdfast('backup')).status).toBe(0);
  }
  expect((await site.holdfast('prune', '--apply')).status).toBe(0);
});
afterAll(() => site.remove());

describe('compact', () => {
  it('shows what little is left in old segments, then rewrites it', async () => {
    const before = filesOf('data');
    const dry = await site.holdfast('compact');
    expect(dry.status).toBe(0);
    expect(dry.stdout).toMatch(/^ACCOUNT +OBJECT +STORED +ALIVE\nanna +data\//);
    expect(dry.stdout).toMatch(/1 object of 1 account would be rewritten.*nothing was changed/);
    expect(filesOf('data')).toEqual(before);

    const done = documentOf<CompactDocument>('compact', await site.holdfast('compact', '--apply', '--json'));
    expect(done).toMatchObject({ applied: true, exitStatus: 0, accountsSeen: 1, locked: [] });
    expect(done.accounts[0]!.published).toEqual(done.accounts[0]!.snapshots);
    expect((await site.holdfast('backup')).status).toBe(0);
    for (const path of [...filesOf('data'), ...filesOf('index'), ...filesOf('manifests')])
      utimesSync(path, 1, 1);
    expect((await site.holdfast('prune', '--apply')).status).toBe(0);
    expect(filesOf('data')).not.toContain(join(site.store, done.accounts[0]!.objects[0]!.key));
    expect((await site.holdfast('verify', '--read-data')).status).toBe(0);
  });

  it('refuses a threshold or a size that is none', async () => {
    for (const args of [
      ['--threshold', '1.5'],
      ['--max-bytes', 'much'],
    ])
      expect((await site.holdfast('compact', ...args)).status).toBe(errorCodes.USAGE.exit);
  });
});

describe('repair', () => {
  it('takes a missing object from the copy, and a whole snapshot', async () => {
    expect((await site.holdfast('backup')).status).toBe(0);
    const [segment, newest] = [filesOf('data')[0]!, filesOf('manifests').at(-1)!];
    for (const path of [segment, newest]) rmSync(path);
    const dry = await site.holdfast('repair');
    expect(dry.stdout).toContain('it is missing; copy offsite has it whole');
    const done = documentOf<RepairDocument>('repair', await site.holdfast('repair', '--apply', '--json'));
    expect(done.objects).toMatchObject([
      { copy: 'offsite', mended: true },
      { key: relative(site.store, newest), copy: 'offsite', mended: true },
    ]);
    expect((await site.holdfast('verify', '--read-data')).status).toBe(0);
  });

  it('mends a copy from the main store, which verify of the copy advises', async () => {
    const [lost, flipped] = filesOf('data').map((path) => join(copy, relative(site.store, path))) as [
      string,
      string,
    ];
    rmSync(lost);
    const bytes = readFileSync(join(site.store, relative(copy, flipped)));
    bytes[100]! ^= 1;
    writeFileSync(flipped, bytes);

    const found = await site.holdfast('verify', '--copy', 'offsite', '--read-data');
    expect(found.stderr).toContain('hint: Run `holdfast repair --copy offsite --read-data`');
    const dry = await site.holdfast('repair', '--copy', 'offsite', '--read-data');
    expect(dry.stdout).toContain('it is missing; the main store has it whole');
    const mended = await site.holdfast('repair', '--copy', 'offsite', '--read-data', '--apply', '--json');
    expect(documentOf<RepairDocument>('repair', mended)).toMatchObject({
      addin: 'nightly/offsite',
      objects: [
        { copy: 'main', mended: true },
        { copy: 'main', mended: true },
      ],
      snapshots: [],
      exitStatus: 0,
    });
    expect((await site.holdfast('verify', '--copy', 'offsite', '--read-data')).status).toBe(0);
  });

  it('says what is lost where no copy has it, and nothing while the copy is not mounted', async () => {
    for (const path of filesOf('data')) rmSync(path);
    const manifests = filesOf('manifests');
    renameSync(copy, `${copy}.away`);
    mkdirSync(copy);
    const unasked = await site.holdfast('repair', '--apply');
    rmSync(copy, { recursive: true });
    renameSync(`${copy}.away`, copy);
    expect(unasked.status).toBe(errorCodes.STORE_UNAVAILABLE.exit);
    expect(unasked.stdout).toContain('it is missing; no copy that could be asked has it');
    expect(unasked.stderr).toContain('copy offsite could not be asked: it has no holdfast.json');
    expect(filesOf('manifests')).toEqual(manifests);

    renameSync(join(copy, 'data'), join(copy, 'data.away'));
    const result = await site.holdfast('repair', '--apply');
    renameSync(join(copy, 'data.away'), join(copy, 'data'));
    expect(result.status).toBe(errorCodes.OBJECT_MISSING.exit);
    expect(result.stdout).toMatch(/anna-\S+: 10 paths lost, of files/);
    expect(result.stderr).toContain('run `holdfast backup --level full` there');
    expect((await site.holdfast('find', 'none')).stderr).toMatch(/note: anna-\S+ lost 10 paths/);
    const back = documentOf<RepairDocument>('repair', await site.holdfast('repair', '--apply', '--json'));
    expect(back).toMatchObject({ exitStatus: 0, unasked: [] });
    expect(back.snapshots.every(({ broughtBack, published }) => broughtBack && published)).toBe(true);
    expect((await site.holdfast('verify', '--read-data')).status).toBe(0);
    expect((await site.holdfast('repair')).status).toBe(0);
  });
});
