/** What strangers may try through names, and what happens when a run is cut short or half of it fails. */

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import type { EntryDocument } from '../../src/cli/documents/entry.ts';
import type { RestoreDocument } from '../../src/cli/documents/restore.ts';
import type { SnapshotsDocument } from '../../src/cli/documents/snapshots.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, documentOf, ended, linesOf, makeDirectory, makeSite } from '../support/cli.ts';

const evil = 'evil\n\u001b[31m\u001b]0;pwned\u0007';
let site: CliSite;

beforeAll(() => {
  const dir = makeDirectory();
  const home = join(dir, 'home', evil);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'plain.txt'), 'plain');
  writeFileSync(Buffer.concat([Buffer.from(`${home}/bad\xff\n\u001b[2Jname`, 'latin1')]), 'odd');
  writeFileSync(join(home, 'line\nbreak \u202egpj.exe'), 'odd');
  site = makeSite(
    { panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*'), domain: '{name}.test' }] } },
    dir,
  );
});
afterAll(() => site.remove());

describe('names that hold control characters', () => {
  it.each([
    ['accounts'],
    ['backup', '--dry-run'],
    ['backup'],
    ['backup', '--account', evil],
    ['snapshots'],
    ['status'],
    ['doctor'],
    ['ls', 'latest', '--account', evil],
    ['ls', 'latest', '--account', evil, 'files'],
    ['ls', 'latest', '--account', evil, `files/${evil}`],
    ['find', '*'],
    ['verify'],
    ['restore', `${evil}-20260101T000000Z-0123456789ab`, '--to', '/nonexistent/x'],
    [evil],
    ['backup', '--account', `${evil}2`],
  ])('never reach the terminal raw: %j', async (...args) => {
    const { stdout, stderr } = await site.holdfast(...args);

    // The helper has looked for ESC already.
    expect(stdout + stderr).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
    expect(stdout + stderr).not.toMatch(/^break/m);
    await site.holdfast(...args, '--json');
  });

  it('come back from ls --json to restore --path-percent', async () => {
    const result = await site.holdfast('ls', 'latest', '--account', evil, 'files', '--json');
    const entries = linesOf<EntryDocument>('entry', result).filter(
      ({ pathEncoding }) => pathEncoding === 'percent',
    );
    expect(entries).toHaveLength(2);

    const to = join(site.dir, 'odd');
    const paths = entries.flatMap(({ path }) => ['--path-percent', path]);
    const lines = (await site.holdfast('find', 'line*', '--account', evil)).stdout.trim().split('\n');
    const one = await site.holdfast(
      'ls',
      'latest',
      '--account',
      evil,
      '--path-percent',
      lines.at(-1)!.split('  ').at(-1)!,
    );
    expect(one.stdout).toContain('files/line%0Abreak%20%E2%80%AEgpj.exe');
    const restored = await site.holdfast('restore', 'latest', '--account', evil, ...paths, '--to', to);

    expect(restored.status).toBe(0);
    expect(readdirSync(join(to, 'files'), 'buffer').sort(Buffer.compare)).toEqual([
      Buffer.from('bad\xff\n\u001b[2Jname', 'latin1'),
      Buffer.from('line\nbreak \u202egpj.exe'),
    ]);
  });
});

describe('a component that fails', () => {
  it('makes the snapshot partial, and the run an error', async () => {
    const dir = makeDirectory();
    mkdirSync(join(dir, 'home/one/present'), { recursive: true });
    writeFileSync(join(dir, 'home/one/present/file'), 'content');
    const trees = { present: { path: 'present' }, missing: { path: 'missing' } };
    const other = makeSite(
      { panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*'), trees }] } },
      dir,
    );

    const plain = await other.holdfast('--quiet', 'backup');
    const json = await other.holdfast('backup', '--json');
    const { snapshots } = documentOf<BackupDocument>('backup', json);
    const to = join(dir, 'restored');

    expect(plain.status).toBe(errorCodes.SNAPSHOT_PARTIAL.exit);
    expect(plain.stdout).toMatch(/^one .* partial /m);
    expect(plain.stdout).toMatch(
      /^ {2}tree missing failed: TREE_UNREADABLE: .*\n {2}hint: Check that the path exists/m,
    );
    expect(json.status).toBe(errorCodes.SNAPSHOT_PARTIAL.exit);
    expect(snapshots[0]).toMatchObject({ state: 'partial' });
    expect((await other.holdfast('doctor')).status).toBe(errorCodes.TREE_UNREADABLE.exit);
    expect(
      (await other.holdfast('restore', 'latest', '--account', 'one', '--path', 'present/file', '--to', to))
        .status,
    ).toBe(0);
    expect(readFileSync(join(to, 'present/file'), 'utf8')).toBe('content');
    other.remove();
  });

  it('is told by restore, ls and verify, with the newest complete snapshot', async () => {
    const dir = makeDirectory();
    const missing = join(dir, 'home/one/missing');
    for (const name of ['present', 'missing']) mkdirSync(join(dir, 'home/one', name), { recursive: true });
    const trees = { present: { path: 'present' }, missing: { path: 'missing' } };
    const panel = { use: 'generic', accounts: [{ path: join(dir, 'home/*'), trees }] };
    const other = makeSite({ panel }, dir);
    const whole = documentOf<BackupDocument>('backup', await other.holdfast('backup', '--json'));
    rmdirSync(missing);
    await other.holdfast('backup');
    const latest = ['latest', '--account', 'one'];
    const to = (name: string): string[] => ['--to', join(dir, name)];

    const all = await other.holdfast('restore', ...latest, ...to('all'), '--json');
    expect(all.status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(documentOf<RestoreDocument>('restore', all)).toMatchObject({
      exitStatus: all.status,
      failedComponents: [{ component: 'missing', code: 'TREE_UNREADABLE', wanted: true }],
    });
    expect(all.stderr).toContain(`the newest complete one is ${whole.snapshots[0]!.id}`);
    const statuses = [
      await other.holdfast('restore', ...latest, '--path', 'present', ...to('present')),
      await other.holdfast('restore', ...latest, '--dry-run', ...to('dry')),
      await other.holdfast('restore', 'latest', '--all', ...to('every')),
      await other.holdfast('ls', ...latest),
      await other.holdfast('verify'),
    ];
    expect(statuses.map(({ status }) => status)).toEqual([0, 100, 100, 0, 0]);
    for (const { stderr } of statuses) expect(stderr).toContain('is partial');
    other.remove();
  });
});

describe('SIGINT', () => {
  it('ends a backup with 130 and leaves no snapshot', async () => {
    const dir = makeDirectory();
    mkdirSync(join(dir, 'home/big'), { recursive: true });
    const noise = randomBytes(32 * 1024 * 1024);
    for (let i = 0; i < 8; i++) writeFileSync(join(dir, `home/big/${i}`), noise);
    const other = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);

    const child = other.start('backup', '--json');
    const result = ended(child);
    while (child.exitCode === null && !existsSync(join(other.store, 'data'))) await sleep(5);
    child.kill('SIGINT');
    const { status, stdout } = await result;
    const listed = documentOf<SnapshotsDocument>('snapshots', await other.holdfast('snapshots', '--json'));

    expect(status).toBe(errorCodes.INTERRUPTED.exit);
    expect(documentOf<BackupDocument>('backup', { stdout }).failed).toMatchObject([
      { error: { code: 'INTERRUPTED' } },
    ]);
    expect(listed.snapshots).toEqual([]);
    other.remove();
  });
});
