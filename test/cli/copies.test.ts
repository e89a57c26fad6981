/** Copies elsewhere, from the configuration to a restore without the main store. */

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import type { DoctorDocument } from '../../src/cli/documents/doctor.ts';
import type { SnapshotsDocument } from '../../src/cli/documents/snapshots.ts';
import type { VerifyDocument } from '../../src/cli/documents/verify.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';
import { compareTrees } from '../support/compare-trees.ts';

let site: CliSite;
let home: string;
let offsite: string;
let broken: string;

beforeAll(() => {
  const dir = makeDirectory();
  [home, offsite, broken] = [join(dir, 'home'), join(dir, 'offsite'), join(dir, 'broken')];
  for (const name of ['anna', 'ben']) {
    mkdirSync(join(home, name, 'www'), { recursive: true });
    writeFileSync(join(home, name, 'www/index.html'), `the site of ${name}`);
  }
  mkdirSync(broken);
  writeFileSync(join(broken, 'photo.jpg'), 'somebody else lives here');
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(home, '*') }] } }, dir);
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 's3-tar' },
    store: { use: 'local', path: site.store },
    copies: [
      { name: 'offsite', store: { use: 'local', path: offsite } },
      { name: 'broken', store: { use: 'local', path: broken } },
    ],
    encryption: 'none',
  });
});
afterAll(() => site.remove());

describe('backup with copies', () => {
  it('doctor looks at every store', async () => {
    const { checks } = documentOf<DoctorDocument>('doctor', await site.holdfast('doctor', '--json'));

    const found = checks.filter(({ name }) => name.startsWith('store of'));
    expect(found.filter(({ state }) => state === 'error')).toMatchObject([
      { name: 'store of nightly/broken', code: 'STORE_FOREIGN' },
    ]);
    expect(found.map(({ name }) => name)).toContain('store of nightly/offsite');
  });

  it('ends with COPY_FAILED where one copy fails, everything else done', async () => {
    const result = await site.holdfast('backup', '--json');
    const document = documentOf<BackupDocument>('backup', result);

    expect(result.status).toBe(errorCodes.COPY_FAILED.exit);
    expect(document.exitStatus).toBe(result.status);
    expect(document.snapshots.map(({ state }) => state)).toEqual(['complete', 'complete']);
    expect(document.copies).toMatchObject([
      { name: 'offsite', copied: 2, lacking: 0, failures: [], error: null },
      { name: 'broken', copied: 0, lacking: null, error: { code: 'COPY_FAILED' } },
    ]);
    expect(readdirSync(broken)).toEqual(['photo.jpg']);
  });

  it('says in plain words what failed', async () => {
    const { stdout, status } = await site.holdfast('backup');

    expect(status).toBe(errorCodes.COPY_FAILED.exit);
    expect(stdout).toMatch(/^copy offsite {2}complete {2}2 snapshots copied/m);
    expect(stdout).toMatch(/^copy broken {2}failed/m);
    expect(stdout).toMatch(/^ {2}COPY_FAILED: the copy broken failed: .*broken is not empty/m);
  });

  it('catches up with what a copy missed', async () => {
    rmSync(join(broken, 'photo.jpg'));

    const result = await site.holdfast('backup', '--account', 'anna', '--json');

    expect(result.status).toBe(0);
    expect(documentOf<BackupDocument>('backup', result).copies).toMatchObject([
      { name: 'offsite', copied: 1, lacking: 0, error: null },
      { name: 'broken', copied: 5, lacking: 0, error: null },
    ]);
  });
});

describe('--copy, with the main store gone', () => {
  beforeAll(() => rmSync(site.store, { recursive: true }));

  it('lists, shows, verifies and restores', async () => {
    const target = join(site.dir, 'restored');

    const listed = await site.holdfast('snapshots', '--copy', 'offsite', '--json');
    const { addin, snapshots } = documentOf<SnapshotsDocument>('snapshots', listed);
    const shown = await site.holdfast('ls', 'latest', 'files/www', '--account', 'ben', '--copy', 'offsite');
    const verified = await site.holdfast('verify', '--read-data', '--copy', 'broken', '--json');
    const restored = await site.holdfast(
      ...['restore', 'latest', '--account', 'anna', '--copy', 'offsite', '--to', target],
    );

    expect([addin, snapshots.length]).toEqual(['nightly/offsite', 5]);
    expect(shown.stdout).toContain('files/www/index.html');
    expect(verified.status).toBe(0);
    expect(documentOf<VerifyDocument>('verify', verified).snapshots).toHaveLength(5);
    expect(restored.status).toBe(0);
    expect((await compareTrees(join(home, 'anna'), join(target, 'files'))).differences).toEqual([]);
  });

  it('are monitored by themselves', async () => {
    const main = await site.holdfast('status', '--check');
    const copy = await site.holdfast('status', '--check', '--copy', 'offsite');
    const unknown = await site.holdfast('status', '--check', '--copy', 'ofsite');

    expect([main.status, copy.status, unknown.status]).toEqual([3, 0, 3]);
    expect(copy.stdout).toMatch(/^HOLDFAST OK - 2 accounts/);
    expect(unknown.stdout).toContain('has no copy "ofsite"');
  });

  it('refuses a name it does not know', async () => {
    const { status, stderr } = await site.holdfast('snapshots', '--copy', 'ofsite');

    expect(status).toBe(errorCodes.USAGE.exit);
    expect(stderr).toContain('has no copy "ofsite"');
    expect(stderr).toContain('offsite, broken');
  });
});
