/** Encrypted backups through the command line: a server that writes only, and whoever has the identity. */

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import type { PruneDocument } from '../../src/cli/documents/prune.ts';
import type { SnapshotsDocument } from '../../src/cli/documents/snapshots.ts';
import type { VerifyDocument } from '../../src/cli/documents/verify.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, treeIn, writeJson } from '../support/cli.ts';

let site: CliSite;
let home: string;
let identity: string;
let other: string;
let recipient: string;

function keygen(path: string): string {
  execFileSync('age-keygen', ['-o', path], { stdio: 'ignore' });
  return execFileSync('age-keygen', ['-y', path], { encoding: 'utf8' }).trim();
}

function configure(encryption: unknown, copies: readonly unknown[] = []): void {
  const provider = { use: 'chain', cadence: 'forever' };
  const store = { use: 'local', path: site.store };
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider,
    store,
    copies,
    encryption,
  });
}

beforeAll(() => {
  const dir = makeDirectory();
  home = join(dir, 'home/anna');
  mkdirSync(home, { recursive: true });
  for (let i = 0; i < 20; i++) writeFileSync(join(home, `page-${i}.html`), `page ${i}`);
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  identity = join(dir, 'admin.key');
  other = join(dir, 'other.key');
  recipient = keygen(identity);
  keygen(other);
});
afterAll(() => site.remove());

async function backUp(...args: readonly string[]): Promise<BackupDocument['snapshots'][number]> {
  const result = await site.holdfast('backup', '--json', ...args);
  expect([0, errorCodes.FINISHED_WITH_WARNINGS.exit], result.stderr).toContain(result.status);
  return documentOf<BackupDocument>('backup', result).snapshots[0]!;
}

const codesOf = (snapshot: { readonly warningCounts: Readonly<Record<string, number>> }): string[] =>
  Object.keys(snapshot.warningCounts);

describe('recipients that cannot be used', () => {
  it.each([
    ['is no age public key', 'age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq'],
    ['is secret', 'AGE-SECRET-KEY-1QQQQ'],
  ])('mean no backup, and nothing in the store: %s', async (why, wrong) => {
    configure({ recipients: [recipient, wrong] });
    const { status, stderr } = await site.holdfast('backup');
    expect(status).toBe(errorCodes.RECIPIENTS_UNUSABLE.exit);
    expect(stderr).toContain(why);
    expect(stderr).not.toContain('QQQQ');
    expect(existsSync(join(site.store, 'manifests'))).toBe(false);
    // Said in the same breath as the secrets without which nobody can look into the store.
    const s3 = { use: 's3', endpoint: 'http://localhost:1', region: 'r', bucket: 'bucket' };
    const store = { ...s3, accessKeyId: 'env:HF_NOT_SET', secretAccessKey: 'env:HF_NOT_SET' };
    const addin = { name: 'nightly', provider: { use: 's3-tar' }, store };
    writeJson(join(site.config, 'addins.d/nightly.json'), {
      ...addin,
      encryption: { recipients: [recipient, wrong] },
    });
    const doctor = await site.holdfast('doctor');
    expect(doctor.stdout).toMatch(/error +encryption of nightly/);
    expect(doctor.stdout).toMatch(/error +store of nightly +environment variable HF_NOT_SET/);
  });
});

describe('a server without the identity', () => {
  let newest: string;

  it('goes on with chains, from what it keeps of the newest snapshot', async () => {
    configure({ recipients: [recipient] });
    expect(await backUp()).toMatchObject({ level: 'full', encryption: 'open' });
    writeFileSync(join(home, 'page-1.html'), 'changed');
    const second = await backUp();
    expect(second).toMatchObject({ level: 'incremental', warningCounts: {} });
    newest = second.id;
  });

  it('lists its snapshots without their contents', async () => {
    const listed = documentOf<SnapshotsDocument>('snapshots', await site.holdfast('snapshots', '--json'));
    expect(listed.snapshots).toMatchObject([
      { account: 'anna', level: 'full', encryption: 'locked', components: null, entries: null },
      { id: newest, account: 'anna', level: 'incremental', encryption: 'locked', domain: null },
    ]);
    expect((await site.holdfast('snapshots')).stdout).toContain('complete, locked');
  });

  it('checks stored bytes, and says that it checks no more', async () => {
    const result = await site.holdfast('verify', '--read-data', '--json');
    expect(result.status, result.stderr).toBe(0);
    const { snapshots } = documentOf<VerifyDocument>('verify', result);
    expect(snapshots.map(({ locked }) => locked)).toEqual([true, true]);
    expect(snapshots.map(({ id }) => id)).toContain(newest);
    expect(result.stderr).toContain('2 snapshots locked');
  });

  it.each([
    ['ls', 'latest', '--account', 'anna'],
    ['restore', 'latest', '--account', 'anna', '--to', '/nonexistent/target'],
    ['find', 'page-1.html'],
  ])('reads nothing: %s', async (...args) => {
    const { status, stderr, stdout } = await site.holdfast(...args);
    expect(status).toBe(errorCodes.IDENTITY_MISSING.exit);
    expect(stderr).toContain('--identity FILE');
    expect(stdout).toBe('');
  });

  it('pins and prunes, which needs no contents, and names accounts as snapshots does', async () => {
    const pinned = await site.holdfast('pin', newest, '--reason', 'for the test');
    expect([pinned.status, pinned.stdout]).toEqual([0, expect.stringContaining(newest)]);
    const pruned = documentOf<PruneDocument>('prune', await site.holdfast('prune', '--json'));
    expect(pruned.snapshots.at(-1)).toMatchObject({ id: newest, account: 'anna' });
    expect((await site.holdfast('unpin', newest)).status).toBe(0);
  });

  it('makes one full where it lost what it kept, and says so', async () => {
    const parents = join(site.state, 'parents');
    const indexes = readdirSync(parents, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.idx'),
    );
    for (const path of indexes.map((name) => join(parents, name))) {
      const bytes = readFileSync(path);
      bytes[100]! ^= 1;
      writeFileSync(path, bytes);
    }
    const damaged = await backUp();
    expect(damaged.level).toBe('full');
    expect(codesOf(damaged)).toEqual(['no-usable-parent']);
    rmSync(parents, { recursive: true });
    const lost = await backUp();
    expect(lost.level).toBe('full');
    expect(codesOf(lost)).toEqual(['no-usable-parent']);
    expect(await backUp()).toMatchObject({ level: 'incremental', warningCounts: {} });
    const files = readdirSync(parents, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.(?:idx|json)$/.test(name),
    );
    expect(files.length).toBe(4);
  });
});

describe('whoever has the identity', () => {
  it('restores, lists and verifies', async () => {
    const target = join(site.dir, 'restored');
    const where = ['--account', 'anna', '--identity', identity];
    const { status, stderr } = await site.holdfast('restore', 'latest', ...where, '--to', target);
    expect(status, stderr).toBe(0);
    execFileSync('diff', ['-r', home, join(target, treeIn(target))]);
    expect((await site.holdfast('ls', 'latest', ...where)).stdout).toContain('files');
    const verified = await site.holdfast('verify', '--read-data', '--identity', identity);
    expect(verified.status, verified.stderr).toBe(0);
    const listed = await site.holdfast('snapshots', '--json', '--identity', identity);
    const { snapshots } = documentOf<SnapshotsDocument>('snapshots', listed);
    expect(new Set(snapshots.map(({ encryption }) => encryption))).toEqual(new Set(['open']));
  });

  it('is told that it is the wrong one', async () => {
    const args = [
      'restore',
      'latest',
      '--account',
      'anna',
      '--to',
      join(site.dir, 'none'),
      '--identity',
      other,
    ];
    const { status } = await site.holdfast(...args);
    expect(status).toBe(errorCodes.IDENTITY_WRONG.exit);
    expect(existsSync(join(site.dir, 'none'))).toBe(false);
  });

  it('may be the server itself, where the configuration says so', async () => {
    chmodSync(identity, 0o600);
    configure({ recipients: [recipient], identity: `file:${identity}` });
    expect((await site.holdfast('ls', 'latest', '--account', 'anna')).status).toBe(0);
    rmSync(join(site.state, 'parents'), { recursive: true });
    expect(await backUp()).toMatchObject({ level: 'incremental', warningCounts: {} });
  });
});

describe('a copy of an encrypted store', () => {
  it('has the keys, and is read with the same identity', async () => {
    const copy = join(site.dir, 'copy');
    configure({ recipients: [recipient] }, [{ name: 'offsite', store: { use: 'local', path: copy } }]);
    await backUp();
    expect(readdirSync(join(copy, 'keys'), { recursive: true }).length).toBe(3);
    rmSync(site.store, { recursive: true });
    const target = join(site.dir, 'from-copy');
    const where = ['--account', 'anna', '--copy', 'offsite', '--identity', identity, '--to', target];
    const { status, stderr } = await site.holdfast('restore', 'latest', ...where);
    expect(status, stderr).toBe(0);
    execFileSync('diff', ['-r', home, join(target, treeIn(target))]);
    execFileSync('cp', ['-a', copy, site.store]);
  });
});

describe('a store that holds encrypted snapshots', () => {
  it('takes plain ones only where that is said', async () => {
    writeJson(join(site.config, 'addins.d/nightly.json'), {
      name: 'plain',
      provider: { use: 's3-tar' },
      store: { use: 'local', path: join(site.dir, 'copy') },
      encryption: 'none',
    });
    const { status, stderr } = await site.holdfast('backup');
    const planned = await site.holdfast('backup', '--dry-run');
    expect([status, planned.status]).toEqual(Array(2).fill(errorCodes.STORE_ENCRYPTED.exit));
    expect(stderr).toContain('--allow-plaintext');
    expect(await backUp('--allow-plaintext')).toMatchObject({ encryption: 'none', level: 'full' });
  });
});
